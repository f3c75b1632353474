"""Titles and reasons read as a person would say them."""

from __future__ import annotations

import pytest

from models.catalog.search import tokenise
from models.layout.kinds.registry import kind_of
from models.layout.rendering.wording import reason_of, title_of
from models.storefront.defaults import DEFAULT_STOREFRONT
from models.storefront.index import index_storefront

SMALL = {"you", "your", "the", "a", "of", "for", "in", "to", "what", "at", "now", "right", "that", "i", "it"}
MODULES = {module.id: module for module in index_storefront(DEFAULT_STOREFRONT).modules}


def reason(module: str, name: str = "", *, personal: bool = True) -> str:
    return reason_of(kind_of(MODULES[module]).words, name, personal)


def test_titles() -> None:
    assert title_of(MODULES["because-you-viewed"], "Runner 3", personal=True) == "Because you viewed Runner 3"
    assert title_of(MODULES["category"], "sneakers", personal=True) == "Sneakers"
    assert title_of(MODULES["trending"], "", personal=True) == "Trending now"
    assert title_of(MODULES["hero"], "", personal=True) == "Picked for you"


def test_strangers_are_shown_what_is_popular_not_picked_for_them() -> None:
    assert title_of(MODULES["hero"], "lamps", personal=False) == "Popular right now"
    for module in MODULES.values():
        assert "for you" not in title_of(module, "lamps", personal=False)


def test_reasons() -> None:
    assert reason("hero", "sneakers") == "Because sneakers caught your eye"
    assert reason("hero") == "A mix of what you like"
    assert reason("trending") == "Most looked at in the last few hours"
    assert reason("recommended", "sneakers") == "You seem to like sneakers"
    assert reason("bought-together", "Runner 3") == "Others bought these with Runner 3"
    assert reason("better-price", "Runner 3") == "The same kind of thing at a lower price"


@pytest.mark.parametrize("personal", [True, False])
@pytest.mark.parametrize("name", ["", "Runner 3"])
def test_a_reason_says_what_its_title_does_not(personal: bool, name: str) -> None:
    for module in MODULES.values():
        title = set(tokenise(title_of(module, name, personal))) - set(tokenise(name)) - SMALL
        text_words = set(tokenise(reason_of(kind_of(module).words, name, personal))) - SMALL
        assert len(text_words - title) >= len(text_words & title), (module.id, title, text_words)


def test_strangers_are_told_nothing_about_themselves() -> None:
    for module in MODULES:
        text = reason(module, "lamps", personal=False)
        assert " you l" not in text, module
        assert "your likely" not in text or MODULES[module].about in ("item", "query"), module
    assert reason("hero", "lamps", personal=False) == "What other shoppers like most"
    assert reason("more-of-category", "lamps", personal=False) == "Shoppers' favourites first"
