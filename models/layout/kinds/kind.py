"""What a module kind is: its pool, its subject, the evidence for it, its words, and how it is filled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import SourceMask
from models.candidates.sources import source_bit
from models.catalog.table import ItemTable
from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT
from models.storefront.view import StorefrontView
from schemas.storefront import ModuleType, PageType

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]
NO_CATEGORY = -1


class CandidateBatch:
    """The scored candidates of many pages side by side, m in all: what the masks of pools are made from.

    Args:
        table: The items.
        contexts: The pages.
        rows: int32[m], item rows: page by page, best first.
        sources: SourceMask[m], who proposed each.
        page_index: int64[m], the index of each row's page, ascending.

    Attributes:
        anchors: int32[pages], the anchor row of each page; -1 for none (`take` of -1 gives the last item's
            value, so a mask must also test for it, as `same_category` does).
        same_category: bool[m], rows of the finest category of their page's anchor, without the anchor itself.
        in_focus: bool[m], rows of their page's focus category.
        price: float32[m].
        price_ratio: float32[m], each price over that of the anchor.
    """

    def __init__(
        self,
        table: ItemTable,
        contexts: Sequence[PageContext],
        *,
        rows: Rows,
        sources: SourceMask,
        page_index: NDArray[np.int64],
    ) -> None:
        self.table, self.contexts = table, contexts
        self.rows, self.page_index = rows, page_index
        self._sources = sources
        codes, code_of = table.categories.column, table.categories.code_by_hash
        category = codes.take(rows)
        self.anchors: Rows = np.array([context.anchor_row for context in contexts], np.int32)
        anchor_category = np.where(self.anchors >= 0, codes.take(self.anchors), NO_CATEGORY)
        self.same_category: Mask = category == anchor_category.take(page_index)
        self.same_category &= rows != self.anchors.take(page_index)
        focus = np.array([code_of.get(context.focus_category, NO_CATEGORY) for context in contexts], np.int32)
        self.in_focus: Mask = category == focus.take(page_index)
        self.price = table.price.take(rows)
        self.price_ratio = self.price / table.price.take(self.anchors).take(page_index)

    def proposed_by(self, source: str) -> Mask:
        """bool[m]: which rows a source of SOURCES proposed."""
        mask: Mask = (self._sources & np.uint64(source_bit(source))) != 0
        return mask


class Pool(Struct, frozen=True, eq=False):
    """Which of a page's candidates a module may show. Exactly one of `mask`, `own` and `everything` is given.

    Attributes:
        name: Its key, unique.
        mask: bool[m] over the batch; the pool's rows keep the order of their scores.
        spare_mask: A second mask; its rows come after those of `mask`, to fill up.
        order: Another order than that of the scores: (table, context, rows, row -> score) to rows.
        own: The visitor's own list, in its own order; it needs no scores.
        everything: All candidates.
    """

    name: str
    mask: Callable[[CandidateBatch], Mask] | None = None
    spare_mask: Callable[[CandidateBatch], Mask] | None = None
    order: Callable[[ItemTable, PageContext, list[int], Mapping[int, float]], list[int]] | None = None
    own: Callable[[PageContext], list[int]] | None = None
    everything: bool = False


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


def _no_subject(context: PageContext) -> int:
    return NO_SUBJECT


def _no_evidence(context: PageContext, at: float) -> float:
    return 0.0


def _always_holds(view: StorefrontView, subject: int, rows: Sequence[int]) -> bool:
    return True


class ModuleKind(Struct, frozen=True, eq=False, kw_only=True):
    """All that a type of module is.

    Attributes:
        name: The module type of the storefront document.
        pool: The candidates it shows.
        words: Its reasons.
        subject: What it is about on a page: an item row, `hash_subject` of a category, brand or query, or
            NO_SUBJECT. A module whose title names its subject is not offered without one.
        evidence: What the visitor's last actions add to its score, in standardised item scores; `at` is
            epoch seconds. 0 for a stranger.
        about_holds: Whether `words.about` is true of the rows shown (view, subject, rows); else the reason
            says `words.mixed`, or leaves the subject's name out.
        known: It shows items the visitor knows already, in their own order.
        lists: The page type whose listing it is: there it comes first and may show what the visitor knows.
        variety: No brand and no category takes more than its share of its items.
        single_topic: It shows one item's surroundings or one category; on the home page each such module
            lowers the next one's score.
        stable: Its items keep their places until others are better by a margin.
        spare: The shop-wide order of the item table that may replace an empty pool: its words stay true.
        without_item: The kind that the type stands for when the module's title names no item.
    """

    name: ModuleType
    pool: Pool
    words: Words
    subject: Callable[[PageContext], int] = _no_subject
    evidence: Callable[[PageContext, float], float] = _no_evidence
    about_holds: Callable[[StorefrontView, int, Sequence[int]], bool] = _always_holds
    known: bool = False
    lists: PageType | None = None
    variety: bool = False
    single_topic: bool = False
    stable: bool = True
    spare: Literal["by_popularity", "by_trend", "by_newness"] | None = None
    without_item: ModuleKind | None = None


# What several families use.

CART_WEIGHT = 0.6
"""For modules about a cart that is not empty. Own heuristic, not tuned on data."""


def anchor_subject(context: PageContext) -> int:
    """The row that the page or the visitor's last view is about; NO_SUBJECT for none."""
    return context.anchor_row


def cart_evidence(context: PageContext, at: float) -> float:
    """CART_WEIGHT while there is something in the cart."""
    return CART_WEIGHT if context.state.cart else 0.0
