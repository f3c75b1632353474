"""Which items a shopper's words mean: an inverted index over title, brand, categories, colour and tags."""

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

_WORD = re.compile(r"[^\W_]+")


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
"""Shade -> the plain colours that people search it by: nobody types cobalt."""
for _plain, _shades in _SHADES.items():
    for _shade in _shades.split():
        _PLAIN[_shade].append(_plain)


def words(text: str) -> list[str]:
    """Lower case, accents off, a plural's last s off; in order, repeats kept."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return [
        w[:-1] if len(w) > 3 and w[-1] == "s" and w[-2] != "s" else w for w in _WORD.findall(text.lower())
    ]


def build_index(items: Sequence[Item]) -> Mapping[str, Rows]:
    """word -> rows that carry it, ascending."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        text = [item.title, item.brand or "", item.colour or "", *item.categories, *item.tags]
        shades = [plain for shade in words(item.colour or "") for plain in _PLAIN.get(shade, ())]
        for word in set(words(" ".join(text)) + shades):
            found[word].append(row)
    return {word: np.array(rows, np.int32) for word, rows in found.items()}


def search_rows(index: Mapping[str, Rows], rank: Rows, query: str, limit: int) -> Rows:
    """Rows that carry most words of `query`, then the better `rank` (0 is best); empty when none does."""
    hits: Counter[int] = Counter()
    for word in dict.fromkeys(words(query)[:WORDS_MAX]):
        hits.update(index.get(word, np.empty(0, np.int32)).tolist())
    if not hits:
        return np.empty(0, np.int32)
    rows = np.fromiter(hits.keys(), np.int32, len(hits))
    counts = np.fromiter(hits.values(), np.int32, len(hits))
    order = np.lexsort((rank[rows], -counts))[:limit]
    best: Rows = rows[order]
    return best
