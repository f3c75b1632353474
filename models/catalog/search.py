"""Item search: an inverted index over title, brand, categories, colour and tags, and its ranking."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.catalog import Item

Rows = NDArray[np.int32]
WORDS_MAX = 12
"""Words of a query that count; the rest of a pasted page is ignored."""

_NO_ROWS = np.empty(0, np.int32)
_WORD = re.compile(r"[^\W_]+")

# Own list: the shades that shops name, by the plain colours that shoppers search for.
_SHADES = {
    "blue": "navy cobalt sky azure indigo denim teal turquoise",
    "brown": "walnut oak rust terracotta tan chestnut chocolate",
    "red": "coral berry crimson scarlet burgundy maroon",
    "green": "olive sage forest teal mint emerald",
    "grey": "charcoal steel stone slate gray",
    "pink": "blush rose coral",
    "purple": "plum lilac violet lavender",
    "yellow": "mustard lemon gold",
    "white": "cream ivory",
    "beige": "sand cream camel",
    "black": "ink charcoal jet",
}
_PLAIN: defaultdict[str, list[str]] = defaultdict(list)
"""Shade -> its plain colours."""
for _plain, _shades in _SHADES.items():
    for _shade in _shades.split():
        _PLAIN[_shade].append(_plain)


def tokenise(text: str) -> list[str]:
    """Words in lower case without accents and without the last s of a plural; in order, repeats kept."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return [
        w[:-1] if len(w) > 3 and w[-1] == "s" and w[-2] != "s" else w for w in _WORD.findall(text.lower())
    ]


def build_index(items: Sequence[Item]) -> Mapping[str, Rows]:
    """word -> ascending rows whose item carries it, int32. O(total words)."""
    rows_by_word: defaultdict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        text = [item.title, item.brand or "", item.colour or "", *item.categories, *item.tags]
        shades = [plain for shade in tokenise(item.colour or "") for plain in _PLAIN.get(shade, ())]
        for word in set(tokenise(" ".join(text)) + shades):
            rows_by_word[word].append(row)
    return {word: np.array(rows, np.int32) for word, rows in rows_by_word.items()}


class Matches(NamedTuple):
    """The result of a search: item rows, best first, and how many words of the query each carries; int32."""

    rows: Rows
    word_counts: Rows


def find_matches(index: Mapping[str, Rows], rank: Rows, query: str, limit: int) -> Matches:
    """Finds the items that match most words of a query (coordination level matching).

    Args:
        index: word -> ascending rows, from `build_index`.
        rank: int32[n], the rank of each row (0 is best), which orders rows of equally many words.
        query: Free text; its first WORDS_MAX words count, each once.
        limit: The largest number of rows returned.

    Complexity: O(p + n) for p postings of several words, O(p log p) for few of them, O(p) for a single word.
    """
    words = dict.fromkeys(tokenise(query)[:WORDS_MAX])
    postings = [index[word] for word in words if word in index]
    if not postings:
        return Matches(_NO_ROWS, _NO_ROWS)
    rows: Rows
    counts: Rows
    if len(postings) == 1:
        rows, counts = postings[0], np.ones(len(postings[0]), np.int32)
    elif sum(map(len, postings)) < len(rank) // 16:  # sorting a few costs less than a pass over all items
        rows, found = np.unique(np.concatenate(postings), return_counts=True)
        counts = found.astype(np.int32)
    else:
        by_row = np.bincount(np.concatenate(postings), minlength=len(rank)).astype(np.int32)
        rows = np.flatnonzero(by_row).astype(np.int32)
        counts = by_row[rows]
    worth = counts.astype(np.int64) * len(rank) - rank[rows]
    best = np.argpartition(-worth, limit)[:limit] if len(rows) > limit else np.arange(len(rows))
    best = best[np.argsort(-worth[best])]
    return Matches(rows[best], counts[best])
