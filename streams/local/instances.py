"""Finds the `etalage up` that runs on this machine: each has one locked data folder with a status.json."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from schemas.errors import EtalageError, InvalidSetting, ServiceMissing
from streams.local.up_status import UpStatus
from streams.runtime.settings import Settings, is_given, read_settings, redis_url_of, without_secret
from streams.stores.redis.endpoint.address import without_password

STATUS_FILE = "status.json"
LOCK_FILE = "up.lock"
TEMPORARY_PREFIX = "etalage-up-"
"""How the folder of an `up` without --data begins."""
DEFAULT_FOLDER = Path("data")
CLOCK_SLACK_S = 1.0


class LocatedInstance(Struct, frozen=True):
    """The settings, completed with the addresses of the running `up`, and its status if one runs."""

    settings: Settings
    up: UpStatus | None


@contextmanager
def data_folder(data: str | None) -> Iterator[Path]:
    """Create and lock the data folder of one `up`.

    Args:
        data: The folder; None for a temporary one, which is removed at the end.

    Yields:
        Its absolute path.

    Raises:
        EtalageError: Another `up` uses the folder, or it cannot be created.
    """
    if data is None:
        with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, ignore_cleanup_errors=True) as temporary:
            yield Path(temporary)
        return
    folder = Path(data).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise EtalageError(f"{folder} cannot be a data folder: {exc.strerror}") from exc
    try:
        _acquire(lock, folder)
        yield folder
    finally:
        os.close(lock)


def _acquire(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        pid = os.read(lock, 20).decode() or "unknown"
        raise EtalageError(
            f"another `etalage up` (pid {pid}) uses {folder}: stop it, or take another --data"
        ) from exc
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())


def locate(data: Path | None = None) -> LocatedInstance:
    """Read the settings and complete them with the addresses of a running `up`.

    Args:
        data: Data folder of the `up`; None looks into ETALAGE_DATA, ./data and temporary folders.

    Returns:
        Settings that are given win over those of the `up`; an `up` on another Kafka or Redis than the given
        one is ignored.

    Raises:
        ServiceMissing: No `up` runs in `data`, and no address is given.
        EtalageError: Several run in temporary folders.
        InvalidSetting: A setting is wrong.
    """
    settings = read_settings()
    folder = data or (Path(settings.data) if settings.data else None)
    up = _read_live_status(folder) if folder else _find_up(settings)
    if up is None and data is not None and not (settings.kafka or settings.redis):
        raise ServiceMissing(f"no `etalage up` runs in {data}; `etalage up --data {data}` starts one")
    if up is None or not _matches(settings, up):
        return LocatedInstance(settings, None)
    addresses = {
        "kafka": up.kafka, "redis": up.redis, "namespace": up.namespace, "partitions": up.partitions,
    }  # fmt: skip
    missing = {name: value for name, value in addresses.items() if not is_given(name)}
    return LocatedInstance(msgspec.structs.replace(settings, **missing), up)


def gateway_url(url: str | None, data: Path | None = None) -> str:
    """Return the gateway's address without a slash at its end: `url`, else the settings, else a running `up`.

    Raises InvalidSetting when `url` is no address, or ETALAGE_PORT is 0 and no `up` runs.
    """
    if url is not None:
        return http_address(url)
    instance = locate(data)
    if instance.up is not None and instance.up.url and not (is_given("port") or is_given("host")):
        return instance.up.url.rstrip("/")
    if instance.settings.port == 0:
        raise InvalidSetting("which gateway? give --url, or its ETALAGE_PORT")
    return f"http://{instance.settings.host}:{instance.settings.port}"


def http_address(url: str) -> str:
    """Return the address without a slash at its end; raises InvalidSetting when it is none."""
    if not re.fullmatch(r"https?://[^/?#\s@]+[^?#\s@]*", url):
        raise InvalidSetting(f"--url: http://host:port, not {without_secret(url)!r}")
    return url.rstrip("/")


def _find_up(settings: Settings) -> UpStatus | None:
    """Return the one in ./data, else the only one in a temporary folder that matches the settings."""
    up = _read_live_status(DEFAULT_FOLDER)
    if up is not None:
        return up
    running = map(_read_live_status, _temporary_folders())
    matching = [up for up in running if up and _matches(settings, up)]
    if len(matching) > 1:
        folders = ", ".join(sorted(up.data for up in matching))
        raise EtalageError(f"{len(matching)} of `etalage up` run here ({folders}): say which with --data")
    return matching[0] if matching else None


def _temporary_folders() -> list[Path]:
    """Only those of this account: a status file of another account is not trusted."""
    paths = Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*/{STATUS_FILE}")
    return [path.parent for path in paths if path.stat().st_uid == os.getuid()]


def _read_live_status(folder: Path) -> UpStatus | None:
    """Return the folder's status.json if the process that wrote it still runs.

    A process that started after the file was written is another one that got the same pid.
    """
    path = folder / STATUS_FILE
    try:
        up = msgspec.json.decode(path.read_bytes(), type=UpStatus)
        started_at = psutil.Process(up.pid).create_time()
        written_at = path.stat().st_mtime
    except (OSError, msgspec.MsgspecError, psutil.Error):
        return None
    return up if started_at <= written_at + CLOCK_SLACK_S else None


def _matches(settings: Settings, up: UpStatus) -> bool:
    kafka = settings.kafka in (None, up.kafka)
    return kafka and (settings.redis is None or _comparable(settings.redis) == _comparable(up.redis))


def _comparable(redis: str) -> str:
    return redis_url_of(without_password(redis))
