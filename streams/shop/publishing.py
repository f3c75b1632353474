"""Writes catalogue, storefront and events to their topics; what comes in here was checked before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from schemas.catalog import Item
from schemas.codec import encode
from schemas.errors import InvalidDocument, StreamUnavailable
from schemas.storefront import Section, Storefront, sections_of
from schemas.topics import CATALOG, STOREFRONT
from streams.kafka.batching import Pair, send_all, send_together

AT_ONCE = 1000
"""Records between two reports of progress."""

Progress = Callable[[int], None]
"""Is told how many more were written."""


class SectionChanges(Struct, frozen=True):
    """What a storefront push did, by section key."""

    written: list[str]
    removed: list[str]
    unchanged: int


class StoredStorefront(Struct, frozen=True):
    """The sections in the storefront topic, and the offset that the next record will have."""

    sections: Mapping[str, Section]
    end: int


Read = Callable[[], Awaitable[StoredStorefront]]
Write = Callable[[Sequence[Pair]], Awaitable[int | None]]
"""Writes all at once; the offset of the first, None when there was nothing to write."""

OVERTAKEN_MAX = 5
"""How often in a row others may write between our reading and our writing."""


@asynccontextmanager
async def producer_for(kafka: str, needs: str | None = None) -> AsyncIterator[Any]:
    """An idempotent producer of raw bytes; StreamUnavailable when Kafka or the topic it needs is missing."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        client_id="etalage-push",
        enable_idempotence=True,
        max_batch_size=256 * 1024,
        request_timeout_ms=10_000,
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as exc:
        await producer.stop()
        raise StreamUnavailable(f"Kafka at {kafka} does not answer: {exc}") from exc
    try:
        # Asked here: a send to a topic that is not there only fails when its time is over.
        if needs is not None and needs not in (await producer.client.fetch_all_metadata()).topics():
            raise StreamUnavailable(f"there is no topic {needs}: run `etalage topics create`")
        yield producer
    finally:
        await producer.stop()


async def push_items(
    producer: Any, namespace: str, items: Iterable[Item], *, progress: Progress | None = None
) -> None:
    """Write items, each under its id; the last write of an id counts."""
    await _push(
        producer, CATALOG.full_name(namespace), ((i.item_id.encode(), encode(i)) for i in items), progress
    )


async def remove_items(producer: Any, namespace: str, ids: Iterable[str]) -> None:
    """Take items out of the catalogue."""
    await _push(producer, CATALOG.full_name(namespace), ((i.encode(), None) for i in ids), None)


def section_changes(now: Mapping[str, Section], wanted: Storefront) -> SectionChanges:
    """What has to be written and removed so that the topic holds `wanted` and nothing else."""
    sections = sections_of(wanted)
    written = [key for key, section in sections.items() if now.get(key) != section]
    removed = sorted(key for key in now if key not in sections)
    return SectionChanges(written, removed, len(sections) - len(written))


def refuse_clearing(now: Mapping[str, Section], wanted: Storefront) -> None:
    """InvalidDocument when `wanted` keeps none of the pages that stand, or nothing at all of what stands."""
    sections = sections_of(wanted)
    if now and not sections:
        raise InvalidDocument(f"would remove all that stands (sections: {len(now)})")
    pages = [key.removeprefix("page:") for key in sorted(now) if key.startswith("page:")]
    if pages and not any(f"page:{page}" in sections for page in pages):
        raise InvalidDocument(f"would remove every page that stands ({', '.join(pages)})", field="$.pages")


async def push_storefront(
    producer: Any, namespace: str, read: Read, wanted: Storefront, *, may_clear: bool = False
) -> SectionChanges:
    """Write the sections that differ from what `read` finds (see `read_storefront`), remove the others."""
    topic = STOREFRONT.full_name(namespace)
    return await replace_storefront(
        read, lambda pairs: send_together(producer, topic, pairs), wanted, may_clear=may_clear
    )


async def replace_storefront(
    read: Read, write: Write, wanted: Storefront, *, may_clear: bool = False
) -> SectionChanges:
    """Make the topic hold `wanted` and nothing else, each write all at once; what had to change at first.

    Who finds that others wrote between its reading and its writing does both again: so the last of several
    pushes at the same time takes away what theirs and its own left mixed. So `refuse_clearing` is asked of
    the first reading alone: later its own sections are written, and to refuse would leave the mixture.
    """
    first = None
    for _ in range(OVERTAKEN_MAX):
        now = await read()
        if first is None and not may_clear:
            refuse_clearing(now.sections, wanted)
        changes = section_changes(now.sections, wanted)
        first = first or changes
        if await write(section_pairs(changes, wanted)) in (None, now.end):
            return first
    raise StreamUnavailable("others write the storefront all the time: try again")


def section_pairs(changes: SectionChanges, wanted: Storefront) -> list[Pair]:
    """The records that carry `changes` out."""
    sections = sections_of(wanted)
    written: list[Pair] = [(key.encode(), encode(sections[key])) for key in changes.written]
    return written + [(key.encode(), None) for key in changes.removed]


async def _push(producer: Any, topic: str, pairs: Iterable[Pair], progress: Progress | None) -> None:
    for part in _parts(pairs, AT_ONCE):
        await send_all(producer, topic, part)
        if progress is not None:
            progress(len(part))


def _parts(pairs: Iterable[Pair], size: int) -> Iterator[Sequence[Pair]]:
    left = iter(pairs)
    while part := list(islice(left, size)):
        yield part
