"""`etalage restart`: restarts the processes of a running `etalage up` one after the other, without a gap."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from schemas.errors import EtalageError, ServiceMissing
from streams.cli.options import Data
from streams.local.instances import locate
from streams.local.up_status import UpStatus
from streams.runtime.ports import wait_until
from streams.runtime.telemetry.terminal import say

RESTARTED_WITHIN_S = 600.0
LOOK_EVERY_S = 0.2


def run(data: Data = None) -> None:
    """Restart workers, gateways and the other processes, each when the one before is ready again."""
    before = _running(data)
    folder = Path(before.data)
    os.kill(before.pid, signal.SIGUSR1)
    if not wait_until(
        lambda: _running(folder).rolling_restarts > before.rolling_restarts,
        within_s=RESTARTED_WITHIN_S, every_s=LOOK_EVERY_S,
    ):  # fmt: skip
        raise EtalageError(f"not all was restarted within {RESTARTED_WITHIN_S:.0f} s; `etalage up` says why")
    after = _running(folder)
    same = [name for name, child in before.children.items() if child.pid == after.children[name].pid]
    if same or not after.ready:
        raise EtalageError(
            f"given up before {', '.join(same) or 'all'} was restarted and ready: see {folder}"
        )
    say(f"restarted, one after the other: {', '.join(after.children)}")


def _running(data: Path | None) -> UpStatus:
    up = locate(data).up
    if up is None:
        raise ServiceMissing("no `etalage up` runs here; for another folder say --data")
    return up
