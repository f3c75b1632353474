"""status.json of `etalage up`: what it says of the supervisor, its servers and its processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from streams.runtime.telemetry.status_file import replace_privately


class ChildStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One supervised process. `status` is its status file, `address` and `probe` are `host:port`."""

    pid: int | None
    log: str
    restarts: int
    ready: bool
    reason: str | None = None
    status: str | None = None
    address: str | None = None
    probe: str | None = None


class ServerStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One server of ours; `address` is `host:port`."""

    pid: int | None
    address: str
    log: str
    restarts: int
    ready: bool
    reason: str | None = None


class UpStatus(Struct, frozen=True, kw_only=True):
    """The whole file: which process supervises, and where its servers and processes are.

    `redis` is its address without a password: who asks it needs ETALAGE_REDIS or a password file, too.
    `rolling_restarts` counts those that came to their end.
    """

    pid: int
    namespace: str
    partitions: int
    kafka: str
    redis: str
    url: str | None
    ready: bool
    data: str
    servers: Mapping[str, ServerStatus]
    children: Mapping[str, ChildStatus]
    rolling_restarts: int = 0


def write_up_status(path: Path, status: UpStatus) -> None:
    """Replace status.json in one step; raises OSError when it cannot be written."""
    replace_privately(path, msgspec.json.format(msgspec.json.encode(status)))
