"""Fetches the jars of Apache Kafka once from Maven Central, by `jgo`, into a cache folder of this account.

`jgo`'s resolver is used rather than `jgo.build`, which would fetch a whole JDK to sort the jars into modules.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from schemas.errors import ServiceMissing
from streams.runtime.telemetry.terminal import TerminalConsole

KAFKA = "4.3.1"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA}", "org.slf4j:slf4j-simple:1.7.36")
MISSING = "no jars for our own Kafka: `pip install 'etalage[local]'`, or set ETALAGE_KAFKA to a running one"
REMOTE_TIMEOUT_S = 60

Update = Callable[[int], None]


def fetch_kafka_jars(cache: Path | str | None = None) -> list[Path]:
    """Return every jar that Kafka needs, downloaded first unless they are in the cache.

    Args:
        cache: Folder to keep them in; None for `default_cache`.

    Raises:
        ServiceMissing: They cannot be downloaded, or `jgo` is not installed.
    """
    folder = Path(cache) if cache else default_cache()
    folder.mkdir(parents=True, exist_ok=True)
    jar_list = _jar_list(folder)
    return _read_jar_list(jar_list) or _download_locked(folder, jar_list)


def cached_kafka_jars(cache: Path | str | None = None) -> list[Path]:
    """Return the jars without downloading; empty when they would have to be fetched."""
    return _read_jar_list(_jar_list(Path(cache) if cache else default_cache()))


def default_cache() -> Path:
    """Return the folder shared by all checkouts of one account."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "etalage"


def _jar_list(folder: Path) -> Path:
    """The file that lists the jars; it is written last, so it marks a complete download."""
    return folder / f"kafka-{KAFKA}.jars"


def _read_jar_list(jar_list: Path) -> list[Path]:
    try:
        jars = [jar_list.parent / line for line in jar_list.read_text().splitlines()]
    except FileNotFoundError:
        return []
    return jars if all(jar.is_file() for jar in jars) else []


def _download_locked(folder: Path, jar_list: Path) -> list[Path]:
    """Download under a file lock; a process that waited for the lock finds the jars there."""
    with (folder / "download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars := _read_jar_list(jar_list):
            return jars
        repository = folder / "maven"
        shutil.rmtree(repository, ignore_errors=True)  # an interrupted download leaves half a jar
        jars = _download(repository)
        draft = jar_list.with_suffix(".draft")
        draft.write_text("\n".join(str(jar.relative_to(folder)) for jar in jars) + "\n")
        draft.replace(jar_list)
        return jars


def _download(repository: Path) -> list[Path]:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as exc:
        raise ServiceMissing(MISSING) from exc
    with _progress() as callback:
        maven = MavenContext(
            resolver=PythonResolver(progress_callback=callback),
            repo_cache=repository,
            timeout=REMOTE_TIMEOUT_S,
        )
        try:
            direct, transitive = maven.resolver.resolve([maven.create_dependency(c) for c in COORDINATES])
            return [dependency.artifact.resolve() for dependency in [*direct, *transitive]]
        except (RuntimeError, OSError, AssertionError) as exc:  # requests' errors are OSErrors
            raise ServiceMissing(f"Kafka's jars could not be fetched ({exc}); or set ETALAGE_KAFKA") from exc


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int], AbstractContextManager[Update]]]:
    """Yield the resolver's progress callback, which feeds one bar on stderr for all jars together."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = TerminalConsole(stderr=True)
    if not console.is_terminal:
        console.print(f"Fetching Apache Kafka {KAFKA} (about 44 MB, once)")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"Fetching Apache Kafka {KAFKA} (once)", total=44_000_000)

        @contextlib.contextmanager
        def one_file(_name: str, _size: int) -> Iterator[Update]:
            yield lambda count: bar.advance(task, count)

        yield one_file
