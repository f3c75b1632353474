"""The default storefront reads like any other, so that a shop's own can be compared with it line by line."""

from __future__ import annotations

from typing import get_args

from models.storefront.defaults import DEFAULT_STOREFRONT, default_document
from schemas.codec import encode
from schemas.storefront import PageType, sections_of, storefront_of


def test_the_default_document_reads_as_it_is_shown_once_it_was_pushed() -> None:
    """`storefront show` has the sections from Kafka, in whatever order."""
    shown = storefront_of(reversed(sections_of(DEFAULT_STOREFRONT).values()))
    assert encode(shown) == default_document()
    assert [page.page for page in shown.pages] == list(get_args(PageType))
    assert [module.id for module in shown.modules] == sorted(module.id for module in shown.modules)
