"""status.json of `etalage up`: what it says of the supervisor, its servers and its processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct


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
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(status)))
    draft.replace(path)
