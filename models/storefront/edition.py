"""The edition of a shop: how far storefront and catalogue were read, in numbers equal in every process."""

from __future__ import annotations

from msgspec import Struct


class Edition(Struct, frozen=True):
    """How far the topics of storefront and catalogue were read.

    Each number is the sum of the next offsets over the topic's partitions. Both only rise, and processes that
    have read equally far have the same edition. Crowd signals are in neither.

    Attributes:
        storefront: Of `storefront.v1`.
        catalogue: Of `catalog.v1`.
    """

    storefront: int = 0
    catalogue: int = 0

    def text(self) -> str:
        """As a layout carries it: `storefront.catalogue`."""
        return f"{self.storefront}.{self.catalogue}"

    @classmethod
    def parse(cls, text: str) -> Edition | None:
        """The inverse of `text`; None for text that is no edition."""
        storefront, _, catalogue = text.partition(".")
        digits = storefront.isascii() and storefront.isdigit() and catalogue.isascii() and catalogue.isdigit()
        return cls(int(storefront), int(catalogue)) if digits else None


FIRST = Edition()
"""The edition of a shop for which nothing was read."""
