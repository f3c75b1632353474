"""A storefront document is checked whole, and an error names the field."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from models.storefront.defaults import DEFAULT_STOREFRONT, default_document
from models.storefront.index import index_storefront
from schemas.errors import InvalidDocument
from schemas.storefront import PAGE_ORDER, Match, ModuleDef, PageDef, RuleDef, SlotDef, Storefront


def a_page(*slots: SlotDef) -> PageDef:
    return PageDef(page="home", slots=list(slots))


def test_the_default_is_complete() -> None:
    index = index_storefront(DEFAULT_STOREFRONT)
    assert tuple(index.pages) == PAGE_ORDER
    assert [slot.id for slot in index.pages["home"].slots][:2] == ["home.hero", "home.row-1"]
    assert {module.id for module in index.modules} >= {"hero", "recommended", "step-up", "from-cart"}


def test_the_default_document_decodes_to_itself() -> None:
    assert msgspec.json.decode(default_document(), type=Storefront) == DEFAULT_STOREFRONT


def test_own_sections_replace_and_the_rest_stays() -> None:
    own = Storefront(
        pages=[a_page(SlotDef(id="home.only", admits=["mine"], default="mine"))],
        modules=[
            ModuleDef(id="mine", type="trending", title="Mine", prior=1.0),
            ModuleDef(id="popular", type="popular", title="Renamed"),
        ],
    )
    index = index_storefront(own)
    assert [slot.id for slot in index.pages["home"].slots] == ["home.only"]
    assert [module.id for module in index.pages["home"].modules] == ["mine"]
    assert len(index.pages["cart"].slots) == 3
    assert index.modules[index.module_codes["popular"]].title == "Renamed"


def test_what_a_title_is_about() -> None:
    modules = {module.id: module for module in index_storefront(DEFAULT_STOREFRONT).modules}
    assert modules["step-up"].about == "item"
    assert modules["results"].about == "query"
    assert modules["recommended"].about == ""
    assert (modules["better-price"].about, modules["offers"].about) == ("item", "")


JUNE, MAY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
SLOT = SlotDef(id="home.a", admits=["hero"], default="hero")
WRONG: list[tuple[str, Storefront]] = [
    (
        "$.pages[0].slots[1].admits[1]",
        Storefront(pages=[a_page(SLOT, SlotDef(id="home.b", admits=["hero", "no"], default="hero"))]),
    ),
    (
        "$.pages[0].slots[0].default",
        Storefront(pages=[a_page(SlotDef(id="home.a", admits=["hero"], default="no"))]),
    ),
    ("$.pages[0].slots[1].id", Storefront(pages=[a_page(SLOT, SLOT)])),
    ("$.pages[1].page", Storefront(pages=[a_page(SLOT), a_page(SLOT)])),
    (
        "$.pages[0].slots",
        Storefront(pages=[a_page(SlotDef(id="cart.lines", admits=["hero"], default="hero"))]),
    ),
    (
        "$.modules[0].items_min",
        Storefront(modules=[ModuleDef(id="m", type="hero", title="t", items_min=9, items_max=2)]),
    ),
    ("$.modules[1].id", Storefront(modules=[ModuleDef(id="m", type="hero", title="t")] * 2)),
    ("$.rules[0].match.items", Storefront(rules=[RuleDef(id="r", action="pin", match=Match(brands=["B"]))])),
    (
        "$.rules[0].slot",
        Storefront(rules=[RuleDef(id="r", action="pin", match=Match(items=["i"]), slot="home.no")]),
    ),
    ("$.rules[0].slot", Storefront(rules=[RuleDef(id="r", action="exclude", slot="home.hero")])),
    (
        "$.rules[0].pages",
        Storefront(
            rules=[RuleDef(id="r", action="pin", match=Match(items=["i"]), slot="home.hero", pages=["cart"])]
        ),
    ),
    (
        "$.rules[0].ends_at",
        Storefront(rules=[RuleDef(id="r", action="exclude", starts_at=JUNE, ends_at=MAY)]),
    ),
    ("$.rules[1].id", Storefront(rules=[RuleDef(id="r", action="exclude")] * 2)),
]


@pytest.mark.parametrize(("field", "document"), WRONG, ids=[field for field, _ in WRONG])
def test_a_wrong_document_is_refused_by_field(field: str, document: Storefront) -> None:
    with pytest.raises(InvalidDocument) as refused:
        index_storefront(document)
    assert refused.value.field == field
