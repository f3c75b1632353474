"""Which storefront and which catalogue: two numbers that mean the same in every process."""

from __future__ import annotations

from msgspec import Struct


class Edition(Struct, frozen=True):
    """How far the storefront's and the catalogue's topics were read: the sums of the next offsets.

    Both only rise, and processes that read as far have the same; crowd signals are in neither.
    """

    storefront: int = 0
    catalogue: int = 0

    def text(self) -> str:
        """As a layout carries it."""
        return f"{self.storefront}.{self.catalogue}"

    @classmethod
    def parse(cls, text: str) -> Edition | None:
        """The inverse of `text`; None for anything else."""
        storefront, _, catalogue = text.partition(".")
        digits = storefront.isascii() and storefront.isdigit() and catalogue.isascii() and catalogue.isdigit()
        return cls(int(storefront), int(catalogue)) if digits else None


FIRST = Edition()
"""Of a shop that nothing was read of."""
