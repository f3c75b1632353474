"""The status file: what a process tells its supervisor, and that it still lives.

Replaced in one step when something changed; in between its modification time is the heartbeat.
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
"""How often the file is touched: a process that does not is taken for one that hangs."""


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process as its status file shows it; addresses are `host:port`, `reason` why it is not ready."""

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
        self._written: Status | None = None
        self._heartbeat_at = float("-inf")
        self._unwritable = LogOnce()

    def is_due(self, status: Status) -> bool:
        """Whether `update` would touch the disk: the status changed, or a heartbeat is due."""
        return self._path is not None and (status != self._written or self._heartbeat_is_due())

    def update(self, status: Status) -> None:
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


def write_status(path: str | Path, status: Status) -> None:
    """Replace the status file in one step: a reader sees the old or the new one, never half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_bytes(msgspec.json.encode(status))
    draft.replace(target)


def read_status(path: str | Path) -> Status | None:
    """The status in `path`, None when there is none yet; msgspec.MsgspecError when it is not one of ours."""
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Status)
    except FileNotFoundError:
        return None


def refuse_unwritable(path: str | None) -> None:
    """InvalidSetting when no status file can be written at `path`; a full disk may be less full later."""
    if path is None:
        return
    draft = Path(path).with_name(f".{Path(path).name}.{os.getpid()}")
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
        draft.unlink()
        if Path(path).is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    except OSError as exc:
        if exc.errno not in (ENOSPC, EDQUOT):
            raise InvalidSetting(
                f"ETALAGE_STATUS: {path} cannot be written ({exc.strerror}); name a file that can be"
            ) from exc
