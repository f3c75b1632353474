"""Module kinds that list: the items of a category, and the results of a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from models.catalog.search import tokenise
from models.catalog.table import ItemTable
from models.layout.context import PageContext
from models.layout.fills import NO_SUBJECT, hash_subject
from models.layout.kinds.kind import CandidateBatch, Mask, ModuleKind, Pool, Words
from models.visitor.affinities import label_key

RANKS_PER_SCORE = 8.0
"""How many ranks of a search result one standard deviation of score is worth. Own choice, not tuned."""
_NO_ROWS = np.empty(0, np.int32)


def _listed_category(batch: CandidateBatch) -> Mask:
    """Items of the focus category; on a category page what that page lists, whatever the category's level."""
    listing = [context.plan.page == "category" for context in batch.contexts]
    if not any(listing):
        return batch.in_focus
    return np.where(np.array(listing).take(batch.page_index), batch.proposed_by("subject"), batch.in_focus)


def _order_by_words(
    table: ItemTable, context: PageContext, rows: list[int], score: Mapping[int, float]
) -> list[int]:
    """Items with most words of the query first, then by rank in the search result, moved by their scores."""
    if not context.query:
        return rows
    hits: list[int] = []
    for word in set(tokenise(context.query)):
        hits += table.words.get(word, _NO_ROWS).tolist()
    word_count = Counter(hits)
    rank = {row: number for number, row in enumerate(context.page_rows.tolist())}
    return sorted(rows, key=lambda row: (-word_count[row], rank[row] / RANKS_PER_SCORE - score[row], row))


CATEGORY = Pool("category", mask=_listed_category)
RESULTS = Pool("results", mask=lambda batch: batch.proposed_by("subject"), order=_order_by_words)


def _focus_subject(context: PageContext) -> int:
    return hash_subject(context.focus_category) if context.focus_category else NO_SUBJECT


def _query_subject(context: PageContext) -> int:
    return hash_subject(label_key(context.query)) if context.query else NO_SUBJECT


KINDS = (
    ModuleKind(
        name="category_grid",
        pool=CATEGORY,
        words=Words("Your likely favourites first", stranger="Shoppers' favourites first"),
        subject=_focus_subject,
        lists="category",
        single_topic=True,
    ),
    ModuleKind(
        name="search_results",
        pool=RESULTS,
        words=Words("Best matches first"),
        subject=_query_subject,
        lists="search",
        stable=False,  # in the order of the words, not of the scores
    ),
)
