"""Writes catalogue and storefront to their topics; documents were validated before they come here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from schemas.catalog import Item
from schemas.codec import encode
from schemas.errors import InvalidDocument, StreamUnavailable
from schemas.storefront import Section, Storefront, sections_of
from schemas.topics import CATALOG, STOREFRONT
from streams.kafka.batch_sending import Pair, Producer, send_all, send_together

RECORDS_AT_ONCE = 1000
"""Records between two calls of Progress."""

Progress = Callable[[int], None]
"""Called with how many more were written."""


class SectionChanges(Struct, frozen=True):
    """What a storefront push wrote and removed, by section key; how many sections it left as they were."""

    written: list[str]
    removed: list[str]
    unchanged: int


class StoredStorefront(Struct, frozen=True):
    """The sections in the storefront topic, and the offset that the next record will have."""

    sections: Mapping[str, Section]
    end: int


Read = Callable[[], Awaitable[StoredStorefront]]
Write = Callable[[Sequence[Pair]], Awaitable[int | None]]
"""Writes records so that all or none are seen; the offset of the first, None when there was none to write."""

OVERTAKEN_MAX = 5
"""How many attempts in a row may find that others wrote between their reading and their writing."""


async def push_items(
    producer: Producer, namespace: str, items: Iterable[Item], *, progress: Progress | None = None
) -> None:
    """Write items, each under its id; the last write of an id counts.

    Args:
        producer: A running one.
        namespace: The prefix of the topic's full name.
        items: May be any number: RECORDS_AT_ONCE are sent at a time.
        progress: Called after each part with the number of its items.

    Raises:
        StreamUnavailable: Kafka did not acknowledge in time; parts before may have been written.
    """
    await _push(
        producer, CATALOG.full_name(namespace), ((i.item_id.encode(), encode(i)) for i in items), progress
    )


async def remove_items(producer: Producer, namespace: str, ids: Iterable[str]) -> None:
    """Remove items from the catalogue; an id that is not in it does no harm. Raises as `push_items`."""
    await _push(producer, CATALOG.full_name(namespace), ((i.encode(), None) for i in ids), None)


def compare_sections(now: Mapping[str, Section], wanted: Storefront) -> SectionChanges:
    """What has to be written and removed so that the topic holds `wanted` and nothing else."""
    sections = sections_of(wanted)
    written = [key for key, section in sections.items() if now.get(key) != section]
    removed = sorted(key for key in now if key not in sections)
    return SectionChanges(written, removed, len(sections) - len(written))


def refuse_clearing(now: Mapping[str, Section], wanted: Storefront) -> None:
    """Raises InvalidDocument when `wanted` keeps no stored page, or nothing at all of what is stored."""
    sections = sections_of(wanted)
    if now and not sections:
        raise InvalidDocument(f"would remove all that stands (sections: {len(now)})")
    pages = [key.removeprefix("page:") for key in sorted(now) if key.startswith("page:")]
    if pages and not any(f"page:{page}" in sections for page in pages):
        raise InvalidDocument(f"would remove every page that stands ({', '.join(pages)})", field="$.pages")


async def push_storefront(
    producer: Producer, namespace: str, read: Read, wanted: Storefront, *, may_clear: bool = False
) -> SectionChanges:
    """Write the sections that differ from what `read` finds (see `read_storefront`), remove the others.

    As `replace_storefront`, over a running producer.
    """
    topic = STOREFRONT.full_name(namespace)
    return await replace_storefront(
        read, lambda pairs: send_together(producer, topic, pairs), wanted, may_clear=may_clear
    )


async def replace_storefront(
    read: Read, write: Write, wanted: Storefront, *, may_clear: bool = False
) -> SectionChanges:
    """Make the topic hold `wanted` and nothing else; when others wrote meanwhile, read and write again.

    So the last of several pushes at the same time removes what theirs and its own left mixed. Clearing
    (`refuse_clearing`) is refused after the first reading alone: later its own sections are written, and to
    refuse would leave the mixture.

    Args:
        read: The sections in the topic, and its end.
        write: Writes records so that readers see all or none.
        wanted: The whole storefront.
        may_clear: Whether it may remove every page, or all there is.

    Returns:
        What the first attempt had to change.

    Raises:
        InvalidDocument: It would clear what stands, and may not.
        StreamUnavailable: Kafka did not answer, or others wrote in between OVERTAKEN_MAX times in a row.
    """
    first = None
    for _ in range(OVERTAKEN_MAX):
        now = await read()
        if first is None and not may_clear:
            refuse_clearing(now.sections, wanted)
        changes = compare_sections(now.sections, wanted)
        first = first or changes
        if await write(encode_changes(changes, wanted)) in (None, now.end):
            return first
    raise StreamUnavailable("others write the storefront all the time: try again")


def encode_changes(changes: SectionChanges, wanted: Storefront) -> list[Pair]:
    """The records that carry `changes` out."""
    sections = sections_of(wanted)
    written: list[Pair] = [(key.encode(), encode(sections[key])) for key in changes.written]
    return written + [(key.encode(), None) for key in changes.removed]


async def _push(producer: Producer, topic: str, pairs: Iterable[Pair], progress: Progress | None) -> None:
    for part in _parts(pairs, RECORDS_AT_ONCE):
        await send_all(producer, topic, part)
        if progress is not None:
            progress(len(part))


def _parts(pairs: Iterable[Pair], size: int) -> Iterator[Sequence[Pair]]:
    left = iter(pairs)
    while part := list(islice(left, size)):
        yield part
