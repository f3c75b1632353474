"""A storefront push takes away what its document does not name, but not everything by a slip."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from models.storefront.defaults import DEFAULT_STOREFRONT
from schemas.errors import InvalidDocument
from schemas.storefront import ModuleDef, Storefront, sections_of
from streams.kafka.batch_sending import Pair
from streams.shop.publishing import StoredStorefront, refuse_clearing, replace_storefront

NOTHING = Storefront()
PAGES = DEFAULT_STOREFRONT.pages
ONE_PAGE, OTHER_PAGE = Storefront(pages=PAGES[:1]), Storefront(pages=PAGES[1:2])
NEW, OLD = (Storefront(modules=[ModuleDef(id=name, type="hero", title="T")]) for name in ("new", "old"))


@pytest.mark.parametrize(
    ("now", "wanted", "field"),
    [
        (OLD, NOTHING, "$"),
        (DEFAULT_STOREFRONT, NOTHING, "$"),
        (ONE_PAGE, NEW, "$.pages"),
        (ONE_PAGE, OTHER_PAGE, "$.pages"),
    ],
)
def test_what_would_clear_the_storefront_is_refused(now: Storefront, wanted: Storefront, field: str) -> None:
    with pytest.raises(InvalidDocument, match="would remove") as refused:
        refuse_clearing(sections_of(now), wanted)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("now", "wanted"),
    [(NOTHING, NOTHING), (NOTHING, NEW), (OLD, NEW), (DEFAULT_STOREFRONT, ONE_PAGE), (OLD, ONE_PAGE)],
)
def test_what_leaves_a_page_or_never_had_one_is_not(now: Storefront, wanted: Storefront) -> None:
    refuse_clearing(sections_of(now), wanted)


async def test_who_was_overtaken_removes_the_pages_that_came_between() -> None:
    """Its own modules are written by then: to refuse now would leave both mixed."""
    standing = [StoredStorefront({}, 0), StoredStorefront(sections_of(ONE_PAGE) | sections_of(NEW), 2)]
    written: list[Pair] = []

    async def read() -> StoredStorefront:
        return standing.pop(0)

    async def write(pairs: Sequence[Pair]) -> int:
        written.extend(pairs)
        return len(written)  # so the first lies at 1, behind the other's record

    await replace_storefront(read, write, NEW)
    assert written[1:] == [(f"page:{PAGES[0].page}".encode(), None)]
