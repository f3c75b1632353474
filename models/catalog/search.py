"""Item search: an inverted index over title, brand, categories, colour and tags, and its ranking."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

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


def count_words(index: Mapping[str, Rows], query: str) -> Counter[int]:
    """Row -> how many words of a query its item carries; the first WORDS_MAX words count, each once."""
    hits: Counter[int] = Counter()
    for word in dict.fromkeys(tokenise(query)[:WORDS_MAX]):
        hits.update(index.get(word, _NO_ROWS).tolist())
    return hits


def search_rows(index: Mapping[str, Rows], rank: Rows, query: str, limit: int) -> Rows:
    """Finds the items that match most words of a query (coordination level matching).

    Args:
        index: word -> ascending rows, from `build_index`.
        rank: int32[n], the rank of each row (0 is best), which orders rows of equally many words.
        query: Free text.
        limit: The largest number of rows returned.

    Returns:
        int32[at most limit], best first; empty when no item carries any of the words.

    Complexity: O(p + h log h) for p postings of the words with h distinct rows.
    """
    hits = count_words(index, query)
    if not hits:
        return _NO_ROWS
    rows = np.fromiter(hits.keys(), np.int32, len(hits))
    counts = np.fromiter(hits.values(), np.int32, len(hits))
    order = np.lexsort((rank[rows], -counts))[:limit]
    best: Rows = rows[order]
    return best
