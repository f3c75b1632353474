"""How well a ranker orders what was viewed next, beside simple models, on views it never learnt from.

Every view ranks the whole shop, not sampled negatives. Two sets: simulated shoppers that were held out, and
real sessions of June (data/eshop-2008/README.md has the protocol). Each with the history and, as for a new
visitor or when the state is out of reach, with an empty state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.candidates.generation import Candidates, candidates_from_rows
from models.features.spec import Batch, matrix
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Ranker
from models.training import eshop_2008
from models.training.dataset import (
    SHOPPERS,
    Report,
    is_held_out,
    propose_candidates,
    replay_real_views,
    simulate_views,
)
from models.training.evaluation.baselines import BaselineCounts
from models.training.evaluation.metrics import Quality, rank_targets, summarise_hits, summarise_ranks
from models.training.log_replay import LabelledView
from models.training.simulation.catalogue import START
from models.visitor.state import EMPTY

Scores = NDArray[np.floating]
Ranks = dict[str, list[NDArray[np.float64]]]
Scorer = Callable[[Sequence[LabelledView]], Scores]
"""Scores of all items of the shop for views of one snapshot, float[views, n]."""
ROWS_AT_ONCE = 40_000
WARM_UP_DAYS = 14
"""Simulated views are evaluated after two weeks, when the crowd's signals have filled."""


class Result(Struct, frozen=True):
    """One line of the table; `looks` says which views were evaluated: all, or jumps only."""

    dataset: str
    model: str
    looks: str
    quality: Quality


def make_scorer(ranker: Ranker) -> Scorer:
    """A scorer by a ranker that knows the history."""

    def score(views: Sequence[LabelledView]) -> Scores:
        index = views[0].index
        table = index.table
        rows, sources = np.arange(table.n, dtype=np.int32), np.zeros(table.n, np.uint64)
        partial = [candidates_from_rows(table, view.state, ()) for view in views]
        full = [Candidates(rows, sources, one.anchor_row, one.recent) for one in partial]
        states, pages = [view.state for view in views], [view.page for view in views]
        at = np.array([view.at for view in views])
        return ranker.score(matrix(Batch(index, states, full, pages, at))).reshape(len(views), table.n)

    return score


def make_empty_state_scorer(ranker: Ranker) -> Scorer:
    """A scorer by a ranker with an empty state on the home page: one order for all views of a snapshot."""

    def score(views: Sequence[LabelledView]) -> Scores:
        index = views[0].index
        table = index.table
        full = Candidates(np.arange(table.n, dtype=np.int32), np.zeros(table.n, np.uint64), -1, [])
        scores = ranker.score(matrix(Batch(index, [EMPTY], [full], ["home"], views[0].at)))
        return np.tile(scores, (len(views), 1))

    return score


def score_by_popularity(views: Sequence[LabelledView]) -> Scores:
    """The popularity signal of the snapshot, the same for all views."""
    return np.tile(views[0].table.popularity, (len(views), 1))


def evaluate(
    ranker: Ranker, *, seed: int, report: Report, shoppers: int = SHOPPERS, judged_share: float = 1.0
) -> list[Result]:
    """Evaluates a ranker and the baselines on both sets.

    Args:
        ranker: The ranker; the understudy is evaluated beside it.
        seed: Of the simulation, the made-up times and the sampling of views.
        report: Called with the progress.
        shoppers: How many shoppers are simulated.
        judged_share: The share of the views that is evaluated (0 to 1); less is quicker.

    Returns:
        All lines of the table; metrics are those of `models.training.evaluation.metrics`.

    Raises:
        RankerFailed: The ranker could not score.
    """
    report("simulated shoppers", 0.0)
    results = evaluate_simulated(ranker, seed=seed, shoppers=shoppers, judged_share=judged_share)
    report("real sessions", 0.4)
    results += evaluate_real(ranker, seed=seed, judged_share=judged_share)
    report("done", 1.0)
    return results


def evaluate_simulated(ranker: Ranker, *, seed: int, shoppers: int, judged_share: float) -> list[Result]:
    """Held-out shoppers of the last weeks, and how often serving's candidates hold the item at all."""
    scorers = _ranker_scorers(ranker) | {"popularity": score_by_popularity}
    ranks: Ranks = {}
    hits: list[float] = []
    for some in _split_by_table(_sample_held_out(simulate_views(seed, shoppers), seed, judged_share)):
        _rank_views(scorers, some, ranks)
        hits += [float(_is_proposed(view)) for view in some]
    recall = Result("simulated", "look is among the candidates", "all", summarise_hits(np.array(hits)))
    return [*_results("simulated", "all", ranks), recall]


def _sample_held_out(views: Iterable[LabelledView], seed: int, share: float) -> Iterator[LabelledView]:
    rng = np.random.default_rng([seed, 8])
    begin = START.timestamp() + WARM_UP_DAYS * 86_400
    for view in views:
        if view.at > begin and is_held_out(view.visitor) and rng.random() < share:
            yield view


def _is_proposed(view: LabelledView) -> bool:
    return view.target in propose_candidates(view, view.state, view.page).rows


def evaluate_real(
    ranker: Ranker, *, seed: int, judged_share: float = 1.0, days: tuple[date, date] = eshop_2008.DAYS
) -> list[Result]:
    """June by the data's protocol: signals and counts of finished days, every click from the second on."""
    ranks: Ranks = {}
    jumps: list[bool] = []
    counts: BaselineCounts | None = None
    rng = np.random.default_rng([seed, 9])
    for day, views in groupby(replay_real_views(seed, days), key=lambda view: eshop_2008.day_of(view.at)):
        today = list(views)
        counts = counts or BaselineCounts(today[0].table.n)
        if day >= eshop_2008.EVALUATED_FROM:
            sample = [view for view in today if view.state.recent and rng.random() < judged_share]
            for some in _split_by_table(sample):
                _rank_views(_ranker_scorers(ranker) | _baseline_scorers(counts, day), some, ranks)
                jumps += [_is_jump(view) for view in some]
        counts.add_day(day, _sessions_of(today))
    chosen = np.array(jumps, bool)
    only = {name: [np.concatenate(parts)[chosen]] for name, parts in ranks.items()}
    return _results("eshop-2008 June", "all", ranks) + _results("eshop-2008 June", "jumps", only)


def _ranker_scorers(ranker: Ranker) -> dict[str, Scorer]:
    understudy = PopularityRanker()
    return {
        "model, with history": make_scorer(ranker),
        "model, empty state": make_empty_state_scorer(ranker),
        "understudy, with history": make_scorer(understudy),
        "understudy, empty state": make_empty_state_scorer(understudy),
    }


def _baseline_scorers(counts: BaselineCounts, day: date) -> dict[str, Scorer]:
    return {
        "popularity": lambda views: counts.score_by_popularity(day, views),
        "item cosine to the last look": lambda views: counts.score_by_cosine(day, views),
        "first-order Markov": lambda views: counts.score_by_markov(day, views),
    }


def _rank_views(scorers: dict[str, Scorer], some: Sequence[LabelledView], ranks: Ranks) -> None:
    targets = np.array([view.target for view in some])
    for name, scorer in scorers.items():
        ranks.setdefault(name, []).append(rank_targets(scorer(some), targets))


def _split_by_table(views: Iterable[LabelledView]) -> Iterator[list[LabelledView]]:
    """Runs of one snapshot, small enough for one matrix."""
    for _, run in groupby(views, key=lambda view: id(view.table)):
        some = list(run)
        step = max(1, ROWS_AT_ONCE // some[0].table.n)
        for start in range(0, len(some), step):
            yield some[start : start + step]


def _sessions_of(views: Sequence[LabelledView]) -> list[list[int]]:
    sessions: dict[str, list[int]] = {}
    for view in views:
        sessions.setdefault(view.visitor, []).append(view.target)
    return list(sessions.values())


def _is_jump(view: LabelledView) -> bool:
    table = view.table
    return eshop_2008.is_jump(table.ids[view.target], table.ids[table.row_of_key(view.state.recent[0].key)])


def _results(dataset: str, looks: str, ranks: Ranks) -> list[Result]:
    return [
        Result(dataset, name, looks, summarise_ranks(np.concatenate(parts))) for name, parts in ranks.items()
    ]
