"""The jars of Apache Kafka, fetched once from Maven Central by `jgo` and kept in a folder of this person.

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

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from schemas.errors import ServiceMissing

KAFKA = "4.3.1"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA}", "org.slf4j:slf4j-simple:1.7.36")
MISSING = "no jars for our own Kafka: `pip install 'etalage[local]'`, or set ETALAGE_KAFKA to a running one"
REMOTE_TIMEOUT_S = 60

Update = Callable[[int], None]


def kafka_jars(cache: Path | str | None = None) -> list[Path]:
    """Every jar that Kafka needs, downloaded with progress on stderr when this is the first time."""
    folder = Path(cache) if cache else default_cache()
    folder.mkdir(parents=True, exist_ok=True)
    complete = _complete(folder)
    return _listed(complete) or _download_alone(folder, complete)


def kafka_jars_if_there(cache: Path | str | None = None) -> list[Path]:
    """The same without downloading: empty when they would have to be fetched."""
    return _listed(_complete(Path(cache) if cache else default_cache()))


def default_cache() -> Path:
    """Shared by all checkouts of one person."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "etalage"


def _complete(folder: Path) -> Path:
    """The list of jars, written last: it stands for a whole download."""
    return folder / f"kafka-{KAFKA}.jars"


def _listed(complete: Path) -> list[Path]:
    try:
        jars = [complete.parent / line for line in complete.read_text().splitlines()]
    except FileNotFoundError:
        return []
    return jars if all(jar.is_file() for jar in jars) else []


def _download_alone(folder: Path, complete: Path) -> list[Path]:
    """One process downloads, others wait for it and find the work done."""
    with (folder / "download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars := _listed(complete):
            return jars
        repository = folder / "maven"
        shutil.rmtree(repository, ignore_errors=True)  # a broken-off download leaves half a jar behind
        jars = _download(repository)
        draft = complete.with_suffix(".draft")
        draft.write_text("\n".join(str(jar.relative_to(folder)) for jar in jars) + "\n")
        draft.replace(complete)
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
            asked, needed = maven.resolver.resolve([maven.create_dependency(c) for c in COORDINATES])
            return [dependency.artifact.resolve() for dependency in [*asked, *needed]]
        except (RuntimeError, OSError, AssertionError) as exc:  # requests' errors are OSErrors
            raise ServiceMissing(f"Kafka's jars could not be fetched ({exc}); or set ETALAGE_KAFKA") from exc


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int], AbstractContextManager[Update]]]:
    """A bar on stderr for all jars together, for the resolver to feed."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"Fetching Apache Kafka {KAFKA} (about 44 MB, once)")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"Fetching Apache Kafka {KAFKA} (once)", total=44_000_000)

        @contextlib.contextmanager
        def one_file(_name: str, _size: int) -> Iterator[Update]:
            yield lambda count: bar.advance(task, count)

        yield one_file
