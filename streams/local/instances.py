"""Which `etalage up` runs on this machine: one data folder each, locked, and told by its status.json."""

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
from streams.local.supervisor import UpStatus
from streams.runtime.settings import Settings, is_given, read_settings, redis_url_of

STATUS_FILE = "status.json"
LOCK_FILE = "up.lock"
TEMPORARY = "etalage-up-"
"""How the folder of an `up` without --data begins."""
USUAL = Path("data")
CLOCK_SLACK_S = 1.0


class Located(Struct, frozen=True):
    """The settings with the addresses of the `up` that runs, and that `up` itself."""

    settings: Settings
    up: UpStatus | None


@contextmanager
def data_folder(data: str | None) -> Iterator[Path]:
    """The folder of one `up`, locked against a second one; a temporary one when none is named."""
    if data is None:
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, ignore_cleanup_errors=True) as temporary:
            yield Path(temporary)
        return
    folder = Path(data).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise EtalageError(f"{folder} cannot be a data folder: {exc.strerror}") from exc
    try:
        _take(lock, folder)
        yield folder
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        pid = os.read(lock, 20).decode() or "unknown"
        raise EtalageError(
            f"another `etalage up` (pid {pid}) uses {folder}: stop it, or take another --data"
        ) from exc
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())


def locate(data: Path | None = None) -> Located:
    """Our settings, and what they leave open from the `up` in `data`, ./data or a temporary folder.

    An ETALAGE_KAFKA or ETALAGE_REDIS that is given wins: an `up` with another one is not looked at.
    """
    settings = read_settings()
    folder = data or (Path(settings.data) if settings.data else None)
    up = _running_in(folder) if folder else _running_here(settings)
    if up is None and data is not None and not (settings.kafka or settings.redis):
        raise ServiceMissing(f"no `etalage up` runs in {data}; `etalage up --data {data}` starts one")
    if up is None or not _agrees(settings, up):
        return Located(settings, None)
    told = {"kafka": up.kafka, "redis": up.redis, "namespace": up.namespace, "partitions": up.partitions}
    open_ones = {name: value for name, value in told.items() if not is_given(name)}
    return Located(msgspec.structs.replace(settings, **open_ones), up)


def gateway_url(url: str | None, data: Path | None = None) -> str:
    """The gateway that `url`, ETALAGE_PORT or a running `up` names, without a slash at its end."""
    if url is not None:
        return http_address(url)
    here = locate(data)
    if here.up is not None and here.up.url and not (is_given("port") or is_given("host")):
        return here.up.url.rstrip("/")
    if here.settings.port == 0:
        raise InvalidSetting("which gateway? give --url, or its ETALAGE_PORT")
    return f"http://{here.settings.host}:{here.settings.port}"


def http_address(url: str) -> str:
    """The address without a slash at its end; InvalidSetting when it is none."""
    if not re.fullmatch(r"https?://[^/?#\s]+[^?#\s]*", url):
        raise InvalidSetting(f"--url: http://host:port, not {url!r}")
    return url.rstrip("/")


def _running_here(settings: Settings) -> UpStatus | None:
    """The one in ./data, else the only one in a temporary folder that agrees with the settings."""
    usual = _running_in(USUAL)
    if usual is not None:
        return usual
    found = [up for up in map(_running_in, _temporary_folders()) if up and _agrees(settings, up)]
    if len(found) > 1:
        folders = ", ".join(sorted(up.data for up in found))
        raise EtalageError(f"{len(found)} of `etalage up` run here ({folders}): say which with --data")
    return found[0] if found else None


def _temporary_folders() -> list[Path]:
    """Of ours alone: what another account tells is not believed."""
    places = Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*/{STATUS_FILE}")
    return [place.parent for place in places if place.stat().st_uid == os.getuid()]


def _running_in(folder: Path) -> UpStatus | None:
    """What stands in the folder's status.json, if the process that wrote it still lives."""
    path = folder / STATUS_FILE
    try:
        up = msgspec.json.decode(path.read_bytes(), type=UpStatus)
        born = psutil.Process(up.pid).create_time()
        written = path.stat().st_mtime
    except (OSError, msgspec.MsgspecError, psutil.Error):
        return None
    return up if born <= written + CLOCK_SLACK_S else None  # younger: another process got the number


def _agrees(settings: Settings, up: UpStatus) -> bool:
    kafka = settings.kafka in (None, up.kafka)
    return kafka and (settings.redis is None or redis_url_of(settings.redis) == redis_url_of(up.redis))
