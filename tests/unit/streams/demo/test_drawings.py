"""Every product of the demo shop has its picture: small, well-formed, and the same each time."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest

from schemas.catalog import Item
from streams.demo.assortment import CATEGORIES
from streams.demo.catalogue import demo_items
from streams.demo.drawings.draw import DRAWERS, draw

PICTURE_BYTES_MAX = 4096


def drawn(item: Item) -> str:
    assert item.image is not None
    return draw(item.item_id, **dict(parse_qsl(urlsplit(item.image).query)))


def test_every_category_has_a_drawer() -> None:
    assert DRAWERS.keys() == CATEGORIES.keys()


def test_every_picture_is_small_and_well_formed() -> None:
    for item in demo_items():
        document = drawn(item)
        assert len(document.encode()) < PICTURE_BYTES_MAX, item.item_id
        assert ElementTree.fromstring(document).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_picture_depends_on_its_address_alone() -> None:
    item = demo_items(1)[0]
    assert drawn(item) == drawn(item)


@pytest.mark.parametrize("trait", ["form", "colour", "brand"])
def test_each_trait_is_seen(trait: str) -> None:
    values = {"form": ("Runner", "High-Top"), "colour": ("teal", "rust"), "brand": ("Kestrand", "Pellam")}
    one, other = values[trait]
    assert draw("sneakers-1", kind="sneakers", **{trait: one}) != draw(
        "sneakers-1", kind="sneakers", **{trait: other}
    )


def test_an_unknown_kind_becomes_a_parcel_and_hostile_text_never_reaches_the_document() -> None:
    document = draw("x", kind="<script>", form='"><script>', colour="</svg>", brand="&")
    assert ElementTree.fromstring(document).tag == "{http://www.w3.org/2000/svg}svg"
    assert "script" not in document
