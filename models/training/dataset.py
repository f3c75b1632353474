"""Training examples: groups of one item that was viewed and others that were not.

Features are those of the moment before the view (see replay). The others of a group are drawn uniformly,
from the candidates or from the whole shop: negatives picked by the history features would turn those
features upside down. A share of the groups has the state taken away, so that the model knows what to show to
a visitor of whom nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date

import numpy as np
from msgspec import Struct

from models.candidates.generation import Candidates, Rows, find_page_rows, propose
from models.features.index import FeatureIndex
from models.features.spec import NAMES, Batch, matrix
from models.training import eshop_2008
from models.training.log_replay import LabelledView, replay
from models.training.mlp import Examples
from models.training.simulation.catalogue import make_shop
from models.training.simulation.shoppers import simulate
from models.visitor.state import EMPTY, VisitorState

Report = Callable[[str, float], None]
"""Called with what is being done, and the share that is done (0 to 1)."""

# Sizes and shares: own choice, not tuned.
GROUP_SIZE = 20
"""Rows of a group: one view and 19 others."""
GROUPS_AT_ONCE = 256
"""Groups whose features are computed at once."""
SHOPPERS = 3000
HOLD_OUT_EVERY = 5
"""Every fifth simulated shopper is never learnt from."""
HOUR = 3600
SIMULATED_SHARE, REAL_SHARE = 0.5, 0.3
"""Share of the views of each source that become a group."""
EMPTY_SHARE = 0.5
"""Share of the groups that come once more with an empty state."""


class SampledGroup(Struct, frozen=True, eq=False):
    """One group before its features are computed; `rows` ascend and hold `target`."""

    index: FeatureIndex
    state: VisitorState
    rows: Rows
    page: str
    at: float
    target: int
    anchor_row: int
    recent: list[int]


def is_held_out(visitor: str) -> bool:
    """Whether a simulated shopper is kept for evaluation."""
    return int(visitor.removeprefix("a:sim")) % HOLD_OUT_EVERY == 0


def simulate_views(seed: int, shoppers: int = SHOPPERS) -> Iterator[LabelledView]:
    """Views of simulated shoppers; signals are refreshed every hour."""
    shop = make_shop(seed)
    return replay(shop.items, simulate(seed, shop, shoppers), lambda at: int(at // HOUR))


def replay_real_views(seed: int, days: tuple[date, date] = eshop_2008.DAYS) -> Iterator[LabelledView]:
    """Views of eshop-2008. Signals are refreshed at midnight: a day is evaluated by finished days only."""
    return replay(eshop_2008.load_items(), eshop_2008.load_sessions(seed, days), eshop_2008.day_of)


def build_examples(seed: int, report: Report, shoppers: int = SHOPPERS) -> Examples:
    """Builds the training set: simulated shoppers that are not held out, and real sessions before June.

    Args:
        seed: Of the simulation, the made-up times and the sampling; one seed makes one set.
        report: Called with the progress.
        shoppers: How many shoppers are simulated, those held out included.

    Returns:
        float32[groups, GROUP_SIZE, len(SPEC)] features with the index of the viewed row in each group.
    """
    rng = np.random.default_rng([seed, 5])
    report("simulating shoppers", 0.0)
    simulated = (view for view in simulate_views(seed, shoppers) if not is_held_out(view.visitor))
    groups = _sample_groups(rng, simulated, SIMULATED_SHARE)
    report("replaying real sessions", 0.4)
    real = (
        view for view in replay_real_views(seed) if eshop_2008.day_of(view.at) < eshop_2008.EVALUATED_FROM
    )
    groups += _sample_groups(rng, real, REAL_SHARE)
    report("computing features", 0.8)
    return _compute_examples(groups)


def _sample_groups(
    rng: np.random.Generator, views: Iterable[LabelledView], share: float
) -> list[SampledGroup]:
    """A sample of the views as groups, and some of them once more with the state taken away."""
    groups: list[SampledGroup] = []
    for view in views:
        if rng.random() >= share or view.table.n <= GROUP_SIZE:
            continue
        groups.append(_sample_group(rng, view, view.state, view.page))
        if rng.random() < EMPTY_SHARE:
            groups.append(_sample_group(rng, view, EMPTY, "home"))
    return groups


def _sample_group(
    rng: np.random.Generator, view: LabelledView, state: VisitorState, page: str
) -> SampledGroup:
    candidates = propose_candidates(view, state, page)
    pool: Rows = np.arange(view.table.n, dtype=np.int32)
    if rng.random() < 0.5 and len(candidates.rows) > GROUP_SIZE and view.target in candidates.rows:
        pool = candidates.rows
    others = pool[rng.choice(len(pool), GROUP_SIZE, replace=False, shuffle=False)]
    others = others[others != view.target][: GROUP_SIZE - 1]
    rows = np.sort(np.append(others, np.int32(view.target)))
    return SampledGroup(
        view.index, state, rows, page, view.at, view.target, candidates.anchor_row, candidates.recent
    )


def propose_candidates(view: LabelledView, state: VisitorState, page: str) -> Candidates:
    """What serving would propose at this moment. A product page is that of the item viewed last."""
    table = view.table
    last = table.row_of_key(state.recent[0].key) if state.recent else -1
    item = table.ids[last] if last >= 0 else None
    page_rows = find_page_rows(table, page, item=item, category=view.category)
    return propose(table, state, page, page_rows, view.at)


def _compute_examples(groups: list[SampledGroup]) -> Examples:
    features = np.empty((len(groups), GROUP_SIZE, len(NAMES)), np.float32)
    targets = np.empty(len(groups), np.int64)
    for start, end in _split_by_table(groups):
        part = groups[start:end]
        rows = [
            Candidates(one.rows, np.zeros(GROUP_SIZE, np.uint64), one.anchor_row, one.recent) for one in part
        ]
        at = np.array([one.at for one in part])
        batch = Batch(part[0].index, [one.state for one in part], rows, [one.page for one in part], at)
        features[start:end] = matrix(batch).reshape(len(part), GROUP_SIZE, len(NAMES))
        targets[start:end] = [int(np.searchsorted(one.rows, one.target)) for one in part]
    return Examples(features, targets)


def _split_by_table(groups: list[SampledGroup]) -> Iterator[tuple[int, int]]:
    """Start and end of runs of one snapshot, at most GROUPS_AT_ONCE long."""
    start = 0
    for end in range(1, len(groups) + 1):
        if (
            end == len(groups)
            or groups[end].index is not groups[start].index
            or end - start == GROUPS_AT_ONCE
        ):
            yield start, end
            start = end
