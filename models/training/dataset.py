"""Examples to learn from: groups of one item that was looked at and others that were not.

Features are those of the moment before the look (see replay). The others of a group are drawn uniformly,
from the candidates or from the whole shop: negatives picked by the history features would turn those
features upside down. A share of the groups has the state taken away, so that the model knows what to show to
a visitor of whom nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

import numpy as np
from msgspec import Struct

from models.candidates.generation import Candidates, anchor_rows, propose
from models.candidates.sources import Rows
from models.features.index import FeatureIndex
from models.features.spec import NAMES, Batch, matrix
from models.training import eshop
from models.training.mlp import Examples
from models.training.replay import Moment, replay
from models.training.simulation.catalogue import make_shop
from models.training.simulation.shoppers import simulate
from models.visitor.state import EMPTY, VisitorState

Report = Callable[[str, float], None]
"""Told what is being done, and the share that is done (0 to 1)."""
GROUP = 20
"""Rows of a group: one look and 19 others."""
CHUNK = 256
SHOPPERS = 3000
HELD_OUT = 5
"""Every fifth simulated shopper is never learnt from."""
HOUR = 3600
SIMULATED_SHARE, REAL_SHARE = 0.5, 0.3
EMPTY_SHARE = 0.5


class Drawn(Struct, frozen=True, eq=False):
    """One group before its features are computed."""

    index: FeatureIndex
    state: VisitorState
    rows: Rows
    page: str
    at: float
    target: int
    anchor: int
    recent: list[int]


def held_out(visitor: str) -> bool:
    """Whether a simulated shopper is kept for judging."""
    return int(visitor.removeprefix("a:sim")) % HELD_OUT == 0


def simulated_moments(seed: int, shoppers: int = SHOPPERS) -> Iterator[Moment]:
    shop = make_shop(seed)
    return replay(shop.items, simulate(seed, shop, shoppers), lambda at: int(at // HOUR))


def real_moments(seed: int, days: tuple[date, date] = eshop.DAYS) -> Iterator[Moment]:
    """Signals are renewed at midnight: a day is judged by finished days only."""
    return replay(eshop.shop_items(), eshop.sessions(seed, days), eshop.day_of)


def build(seed: int, report: Report, shoppers: int = SHOPPERS) -> Examples:
    """The training set: simulated shoppers that are not held out, and real sessions before June."""
    rng = np.random.default_rng([seed, 5])
    report("simulating shoppers", 0.0)
    simulated = (m for m in simulated_moments(seed, shoppers) if not held_out(m.visitor))
    drawn = _draw(rng, simulated, SIMULATED_SHARE)
    report("replaying real sessions", 0.4)
    real = (m for m in real_moments(seed) if eshop.day_of(m.at) < eshop.JUDGED_FROM)
    drawn += _draw(rng, real, REAL_SHARE)
    report("computing features", 0.8)
    return _examples(drawn)


def _draw(rng: np.random.Generator, moments: Iterable[Moment], share: float) -> list[Drawn]:
    """A sample of the moments as groups, and some of them once more with the state taken away."""
    drawn: list[Drawn] = []
    for moment in moments:
        if rng.random() >= share or moment.table.n <= GROUP:
            continue
        drawn.append(_group(rng, moment, moment.state, moment.page))
        if rng.random() < EMPTY_SHARE:
            drawn.append(_group(rng, moment, EMPTY, "home"))
    return drawn


def _group(rng: np.random.Generator, moment: Moment, state: VisitorState, page: str) -> Drawn:
    found = candidates_of(moment, state, page)
    pool: Rows = np.arange(moment.table.n, dtype=np.int32)
    if rng.random() < 0.5 and len(found.rows) > GROUP and moment.target in found.rows:
        pool = found.rows
    others = pool[rng.choice(len(pool), GROUP, replace=False, shuffle=False)]
    others = others[others != moment.target][: GROUP - 1]
    rows = np.sort(np.append(others, np.int32(moment.target)))
    return Drawn(moment.index, state, rows, page, moment.at, moment.target, found.anchor, found.recent)


def candidates_of(moment: Moment, state: VisitorState, page: str) -> Candidates:
    """What serving would propose at this moment. On a product page that is the item looked at last."""
    table = moment.table
    last = table.row_of_key(state.recent[0].key) if state.recent else -1
    item = table.ids[last] if last >= 0 else None
    anchors = anchor_rows(table, page, item=item, category=moment.category)
    return propose(table, state, page, anchors, moment.at)


def _examples(drawn: list[Drawn]) -> Examples:
    features = np.empty((len(drawn), GROUP, len(NAMES)), np.float32)
    looked_at = np.empty(len(drawn), np.int64)
    for start, end in _runs(drawn):
        part = drawn[start:end]
        rows = [Candidates(one.rows, np.zeros(GROUP, np.uint16), one.anchor, one.recent) for one in part]
        at = np.array([one.at for one in part])
        batch = Batch(part[0].index, [one.state for one in part], rows, [one.page for one in part], at)
        features[start:end] = matrix(batch).reshape(len(part), GROUP, len(NAMES))
        looked_at[start:end] = [int(np.searchsorted(one.rows, one.target)) for one in part]
    return Examples(features, looked_at)


def _runs(drawn: list[Drawn]) -> Iterator[tuple[int, int]]:
    """Stretches of one snapshot, at most CHUNK long."""
    start = 0
    for end in range(1, len(drawn) + 1):
        if end == len(drawn) or drawn[end].index is not drawn[start].index or end - start == CHUNK:
            yield start, end
            start = end
