"""Scored candidates put in order and on shelves, one for each kind of module; for many visitors at once.

Scores are standardised within the visitor, so that margins and module wishes mean the same for any ranker.
Equal scores are ordered by item id (rows are).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates import BIT
from models.item_orders import BETTER, SPREAD, STEP_UP
from models.items import ItemTable
from models.modules import Kind
from models.scenes import Scene

Floats = NDArray[np.float32]
ALL_MAX = 120
"""The longest shelf: no page shows more, even when every item above was taken by another slot."""
REDUCED = 0.92
"""An item counts as reduced when its price is at most this share of its list price."""

KINDS: tuple[Kind, ...] = (
    "all", "near", "together", "trending", "finer", "cheaper", "reduced", "new", "popular", "category",
    "results", "other",
)  # fmt: skip
_FLAG: dict[Kind, int] = {kind: 1 << index for index, kind in enumerate(KINDS)}
_BY_SOURCE: dict[str, Kind] = {
    "bought_together": "together",
    "trending": "trending",
    "new": "new",
    "popular": "popular",
}


def _flags_of_sources() -> NDArray[np.uint16]:
    flags = np.zeros(1 << 16, np.uint16)
    masks = np.arange(1 << 16)
    for source, kind in _BY_SOURCE.items():
        flags[(masks & BIT[source]) != 0] |= _FLAG[kind]
    return flags


_FLAGS_OF_SOURCES = _flags_of_sources()


class Shelf(Struct, frozen=True, eq=False):
    """Rows best first, with their standardised scores."""

    rows: list[int]
    scores: list[float]


Shelves = dict[Kind, Shelf]


class _Pool(Struct, eq=False):
    """All scenes' candidates in one: row, score, sources, flags, and whose they are (ascending)."""

    rows: NDArray[np.int32]
    sources: NDArray[np.uint16]
    scores: Floats
    owner: NDArray[np.int64]
    flags: NDArray[np.uint16]


def shelve(
    table: ItemTable, scenes: Sequence[Scene], scores: Sequence[Floats], kinds: Sequence[Kind]
) -> list[Shelves]:
    """The shelves of each scene; numpy calls do not grow with the number of scenes."""
    pool = _pooled(scenes, scores)
    _flag(table, scenes, pool)
    _put_in_order(pool, len(scenes))
    starts = np.searchsorted(pool.owner, np.arange(len(scenes) + 1))
    place = np.arange(len(pool.rows)) - starts[pool.owner]
    shelves: list[Shelves] = [{} for _ in scenes]
    for kind in kinds:
        chosen = place < ALL_MAX if kind == "all" else pool.flags & _FLAG[kind]
        which = np.flatnonzero(chosen)
        bounds = np.searchsorted(which, starts).tolist()
        rows, values = pool.rows[which].tolist(), pool.scores[which].tolist()
        for number, mine in enumerate(shelves):
            start, end = bounds[number], bounds[number + 1]
            mine[kind] = Shelf(rows[start:end], values[start:end])
    return shelves


def _pooled(scenes: Sequence[Scene], scores: Sequence[Floats]) -> _Pool:
    """Candidates that rules allow, with boosted and standardised scores."""
    rows = np.concatenate([scene.candidates.rows for scene in scenes])
    sources = np.concatenate([scene.candidates.sources for scene in scenes])
    owner = np.repeat(np.arange(len(scenes)), [len(part) for part in scores])
    values = np.concatenate(scores)
    first = scenes[0].rules
    if all(scene.rules is first for scene in scenes):
        allowed = first.allowed[rows]
    else:
        allowed = np.concatenate([scene.rules.allowed[scene.candidates.rows] for scene in scenes])
    if not allowed.all():
        rows, sources, owner, values = rows[allowed], sources[allowed], owner[allowed], values[allowed]
    pool = _Pool(rows, sources, values, owner, _FLAGS_OF_SOURCES[sources])
    if any(scene.rules.boost is not None for scene in scenes):
        _boost(scenes, pool)
    _standardise(pool, len(scenes))
    return pool


def _boost(scenes: Sequence[Scene], pool: _Pool) -> None:
    """Multiplies scores counted from the visitor's lowest, so that a factor means the same for any ranker."""
    starts = np.searchsorted(pool.owner, np.arange(len(scenes) + 1)).tolist()
    pool.scores = pool.scores.copy()
    for scene, start, end in zip(scenes, starts, starts[1:], strict=True):
        if scene.rules.boost is not None and end > start:
            mine = pool.scores[start:end]
            mine -= mine.min()
            mine *= scene.rules.boost[pool.rows[start:end]]


def _standardise(pool: _Pool, size: int) -> None:
    count = np.maximum(np.bincount(pool.owner, minlength=size), 1)
    mean = np.bincount(pool.owner, pool.scores, minlength=size) / count
    away = pool.scores - mean[pool.owner]
    deviation = np.sqrt(np.bincount(pool.owner, away * away, minlength=size) / count)
    deviation[deviation < 1e-6] = 1.0
    pool.scores = (away / deviation[pool.owner]).astype(np.float32)


def _flag(table: ItemTable, scenes: Sequence[Scene], pool: _Pool) -> None:
    """Adds the flags that depend on what the scene is about."""
    rows, owner, flags = pool.rows, pool.owner, pool.flags
    codes = table.categories.column
    anchor = np.array([scene.anchor for scene in scenes], np.int32)
    focus = np.array([scene.focus for scene in scenes], np.uint32)
    listing = np.array([scene.ask.page == "category" for scene in scenes])
    mine = codes[rows]
    same = (mine == np.where(anchor >= 0, codes[anchor], -1)[owner]) & (rows != anchor[owner])
    price = table.price[rows]
    ratio = price / np.maximum(table.price[anchor], 0.01)[owner]
    subject = (pool.sources & BIT["subject"]) != 0
    wanted = listing[owner]
    flags[same] |= _FLAG["near"]
    flags[same & (ratio >= STEP_UP) & (ratio <= SPREAD)] |= _FLAG["finer"]
    flags[same & (ratio <= BETTER) & (ratio >= 1 / SPREAD)] |= _FLAG["cheaper"]
    flags[price <= REDUCED * table.list_price[rows]] |= _FLAG["reduced"]
    focused = table.categories.hashes[mine] == focus[owner]
    flags[~focused & ~same] |= _FLAG["other"]
    flags[np.where(wanted, subject, focused)] |= _FLAG["category"]
    flags[subject & ~wanted] |= _FLAG["results"]
    _flag_neighbours(table, anchor, pool)


def _flag_neighbours(table: ItemTable, anchor: NDArray[np.int32], pool: _Pool) -> None:
    """What was looked at together with the anchor itself: other looks have neighbours too."""
    which = np.flatnonzero(pool.sources & BIT["neighbours"])
    anchors = anchor[pool.owner[which]]
    with_anchor = (table.co_viewed[anchors] == pool.rows[which, None]).any(axis=1) & (anchors >= 0)
    pool.flags[which[with_anchor]] |= _FLAG["near"]


def _put_in_order(pool: _Pool, size: int) -> None:
    """Sorts by owner, falling score, then row: one sort of all three in one number."""
    bits = (pool.scores + np.float32(0.0)).view(np.int32)
    rising = np.where(bits < 0, ~bits, bits ^ np.int32(-(2**31))).view(np.uint32).astype(np.int64)
    index = np.arange(len(bits), dtype=np.int64)
    keys = (pool.owner << 55) | ((0xFFFF_FFFF - rising) << 23) | index
    keys.sort()
    order = keys & 0x7F_FFFF
    pool.rows, pool.scores, pool.flags = pool.rows[order], pool.scores[order], pool.flags[order]
