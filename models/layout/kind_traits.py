"""What a module kind says, and how it is filled, as values: the words and the traits of its definition."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schemas.storefront import PageType


class Words(Struct, frozen=True):
    """The texts of a module's reason, for shoppers to read; {it} stands for the subject's name.

    A stranger is a visitor whose state is not used for the page (cold start or no consent).

    Attributes:
        reason: For a module without a subject.
        about: For a module with one; "" for `reason`.
        stranger: For a stranger, of whom no knowledge may be claimed; "" for the others.
        mixed: When the kind's `about_holds` is false; "": `reason`, without the subject's name.
    """

    reason: str
    about: str = ""
    stranger: str = ""
    mixed: str = ""


class Traits(Struct, frozen=True, kw_only=True):
    """How a module of a kind is filled.

    Attributes:
        known: It shows items the visitor knows already, in their own order.
        lists: The page type whose listing it is: there it comes first and may show what the visitor knows.
        variety: No brand and no category takes more than its share of its items.
        single_topic: It shows one item's surroundings or one category; on the home page each such module
            lowers the next one's score.
        stable: Its items keep their places until others are better by a margin.
        spare: The shop-wide order of the item table that may replace an empty pool: its words stay true.
    """

    known: bool = False
    lists: PageType | None = None
    variety: bool = False
    single_topic: bool = False
    stable: bool = True
    spare: Literal["by_popularity", "by_trend", "by_newness"] | None = None
