"""The status file: what a process tells its supervisor, with a heartbeat.

Replaced atomically when something changed; in between its modification time is the heartbeat.
"""

from __future__ import annotations

import os
import time
from errno import EDQUOT, EISDIR, ENOSPC
from pathlib import Path

import msgspec
from msgspec import Struct

from schemas.errors import InvalidSetting
from streams.runtime.telemetry.logs import LogOnce, logger

log = logger("status")

HEARTBEAT_EVERY_S = 1.0
"""How often the file is touched; without it the supervisor takes the process for hung."""


class ProcessStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process as its status file shows it.

    Attributes:
        kind: What it runs: gateway, worker, items or shoppers.
        pid: Its process id.
        ready: Whether it can do its work.
        probe: host:port of its health probes; None when it has none of its own.
        address: host:port of its HTTP API; None when it has none.
        reason: Why it is not ready.
    """

    kind: str
    pid: int
    ready: bool
    probe: str | None = None
    address: str | None = None
    reason: str | None = None


class StatusFile:
    """The status file of one process at `path`; with None nothing is ever written.

    A file that cannot be written (a full disk) is no reason to stop: it is logged once, and each later
    `update` tries again.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._written: ProcessStatus | None = None
        self._heartbeat_at = float("-inf")
        self._unwritable = LogOnce()

    def is_due(self, status: ProcessStatus) -> bool:
        """Whether `update` would touch the disk: the status changed, or a heartbeat is due."""
        return self._path is not None and (status != self._written or self._heartbeat_is_due())

    def update(self, status: ProcessStatus) -> None:
        """Write `status` if it changed and touch the file if a heartbeat is due; never raises OSError.

        To be called again and again from the loop whose life it shows.
        """
        if self._path is None:
            return
        if self._heartbeat_is_due():
            self._touch(self._path)
        if status == self._written:
            return
        try:
            write_status(self._path, status)
        except OSError as exc:
            if self._unwritable.begins():
                log.warning("status file not writable", path=self._path, error=exc.strerror)
        else:
            self._written = status
            if self._unwritable.ends():
                log.warning("status file writable again", path=self._path)

    def _heartbeat_is_due(self) -> bool:
        return time.monotonic() - self._heartbeat_at >= HEARTBEAT_EVERY_S

    def _touch(self, path: str) -> None:
        self._heartbeat_at = time.monotonic()
        try:
            os.utime(path)
        except OSError:  # not there yet, or no more
            self._written = None


def write_status(path: str | Path, status: ProcessStatus) -> None:
    """Replace the status file in one step: a reader sees the old or the new one, never half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_privately(target, msgspec.json.encode(status))


def replace_privately(path: Path, content: bytes) -> None:
    """Replace a file in one step by one that this account alone may read; raises OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(draft, "xb", opener=_open_privately) as file:
        file.write(content)
    draft.replace(path)


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_status(path: str | Path) -> ProcessStatus | None:
    """The status in `path`, None when there is none yet; msgspec.MsgspecError when it is not one of ours."""
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=ProcessStatus)
    except FileNotFoundError:
        return None


def check_writable(path: str | None) -> None:
    """Raises InvalidSetting unless a status file can be written at `path`; a full disk is accepted."""
    if path is None:
        return
    temporary = Path(path).with_name(f".{Path(path).name}.{os.getpid()}")
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.touch()
        temporary.unlink()
        if Path(path).is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    except OSError as exc:
        if exc.errno not in (ENOSPC, EDQUOT):
            raise InvalidSetting(
                f"ETALAGE_STATUS: {path} cannot be written ({exc.strerror}); name a file that can be"
            ) from exc
