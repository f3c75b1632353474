"""Titles and reasons read as a person would say them."""

from __future__ import annotations

from typing import get_args

from models.default_storefront import DEFAULT_STOREFRONT
from models.phrases import reason_of, title_of
from models.storefront_index import ModulePlan, index_storefront
from schemas.storefront import ModuleType

MODULES = {module.id: module for module in index_storefront(DEFAULT_STOREFRONT).modules}


def reason(module: str, name: str = "", *, personal: bool = True) -> str:
    return reason_of(MODULES[module], name, "home", personal)


def test_titles() -> None:
    assert title_of(MODULES["because-you-viewed"], "Runner 3") == "Because you viewed Runner 3"
    assert title_of(MODULES["category"], "sneakers") == "Sneakers"
    assert title_of(MODULES["trending"], "") == "Trending now"


def test_reasons() -> None:
    assert reason("because-you-viewed", "Runner 3") == "Because you looked at Runner 3"
    assert reason("trending") == "Trending today"
    assert reason("recommended", "sneakers") == "Because you are looking at sneakers"
    assert reason("recommended") == "Based on what you like"
    assert reason_of(MODULES["similar"], "Runner 3", "product", True) == "Close to what you are looking at"


def test_strangers_are_told_nothing_about_themselves() -> None:
    for module in MODULES:
        assert " you l" not in reason(module, "lamps", personal=False) or MODULES[module].about == "item"
    assert reason("hero", "lamps", personal=False) == "What shoppers like most right now"
    assert reason("more-of-category", "lamps", personal=False) == "The best of lamps"


def test_every_type_has_words() -> None:
    for name in get_args(ModuleType):
        module = ModulePlan(0, name, name, "all", "t", 1, 1, 0.0, "")
        for about in ("", "lamps {it}"):
            text = reason_of(module, about, "home", True)
            assert text
            assert about or "{" not in text
