"""How well a ranker orders what was looked at next, beside simple models, on looks it never learnt from.

Every look ranks the whole shop, not sampled negatives. Two sets: simulated shoppers that were held out, and
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
from models.training import eshop
from models.training.dataset import (
    SHOPPERS,
    Report,
    candidates_of,
    held_out,
    real_moments,
    simulated_moments,
)
from models.training.evaluation.baselines import Counts
from models.training.evaluation.metrics import Quality, mean_ranks, quality, share_of
from models.training.replay import Moment
from models.training.simulation.catalogue import START
from models.visitor.state import EMPTY

Scores = NDArray[np.floating]
Ranks = dict[str, list[NDArray[np.float64]]]
Scorer = Callable[[Sequence[Moment]], Scores]
ROWS_AT_ONCE = 40_000
WARM_DAYS = 14
"""Simulated looks are judged after two weeks, when the crowd's signals have filled."""


class Result(Struct, frozen=True):
    """One line of the table; `looks` says which looks were judged: all, or jumps only."""

    dataset: str
    model: str
    looks: str
    quality: Quality


def ranked(ranker: Ranker) -> Scorer:
    """Scores of all items of the shop by a ranker, float[moments, n], knowing the history."""

    def score(moments: Sequence[Moment]) -> Scores:
        index = moments[0].index
        table = index.table
        rows, sources = np.arange(table.n, dtype=np.int32), np.zeros(table.n, np.uint16)
        found = [candidates_from_rows(table, moment.state, ()) for moment in moments]
        full = [Candidates(rows, sources, one.anchor, one.recent) for one in found]
        states, pages = [moment.state for moment in moments], [moment.page for moment in moments]
        at = np.array([moment.at for moment in moments])
        return ranker.score(matrix(Batch(index, states, full, pages, at))).reshape(len(moments), table.n)

    return score


def ranked_empty(ranker: Ranker) -> Scorer:
    """The same with an empty state on the home page: one order for all moments of a snapshot."""

    def score(moments: Sequence[Moment]) -> Scores:
        index = moments[0].index
        table = index.table
        full = Candidates(np.arange(table.n, dtype=np.int32), np.zeros(table.n, np.uint16), -1, [])
        scores = ranker.score(matrix(Batch(index, [EMPTY], [full], ["home"], moments[0].at)))
        return np.tile(scores, (len(moments), 1))

    return score


def popularity(moments: Sequence[Moment]) -> Scores:
    return np.tile(moments[0].table.popularity, (len(moments), 1))


def evaluate(
    ranker: Ranker, *, seed: int, report: Report, shoppers: int = SHOPPERS, judged_share: float = 1.0
) -> list[Result]:
    """All lines of the table. `judged_share` judges that share of the looks only (a quicker look)."""
    report("simulated shoppers", 0.0)
    results = on_simulated(ranker, seed=seed, shoppers=shoppers, judged_share=judged_share)
    report("real sessions", 0.4)
    results += on_real(ranker, seed=seed, judged_share=judged_share)
    report("done", 1.0)
    return results


def on_simulated(ranker: Ranker, *, seed: int, shoppers: int, judged_share: float) -> list[Result]:
    """Held-out shoppers of the last weeks, and how often serving's candidates hold the look at all."""
    scorers = _scorers(ranker) | {"popularity": popularity}
    ranks: Ranks = {}
    held: list[float] = []
    for some in _same_table(_judged(simulated_moments(seed, shoppers), seed, judged_share)):
        _judge(scorers, some, ranks)
        held += [float(_is_proposed(moment)) for moment in some]
    share = Result("simulated", "look is among the candidates", "all", share_of(np.array(held)))
    return [*_results("simulated", "all", ranks), share]


def _judged(moments: Iterable[Moment], seed: int, share: float) -> Iterator[Moment]:
    rng = np.random.default_rng([seed, 8])
    begin = START.timestamp() + WARM_DAYS * 86_400
    for moment in moments:
        if moment.at > begin and held_out(moment.visitor) and rng.random() < share:
            yield moment


def _is_proposed(moment: Moment) -> bool:
    return moment.target in candidates_of(moment, moment.state, moment.page).rows


def on_real(
    ranker: Ranker, *, seed: int, judged_share: float = 1.0, days: tuple[date, date] = eshop.DAYS
) -> list[Result]:
    """June by the agreed protocol: signals and counts of finished days, every click from the second on."""
    ranks: Ranks = {}
    jumps: list[bool] = []
    counts: Counts | None = None
    rng = np.random.default_rng([seed, 9])
    for day, moments in groupby(real_moments(seed, days), key=lambda moment: eshop.day_of(moment.at)):
        today = list(moments)
        counts = counts or Counts(today[0].table.n)
        if day >= eshop.JUDGED_FROM:
            judged = [m for m in today if m.state.recent and rng.random() < judged_share]
            for some in _same_table(judged):
                _judge(_scorers(ranker) | _simple(counts, day), some, ranks)
                jumps += [_is_jump(moment) for moment in some]
        counts.add_day(day, _sessions(today))
    chosen = np.array(jumps, bool)
    only = {name: [np.concatenate(parts)[chosen]] for name, parts in ranks.items()}
    return _results("eshop-2008 June", "all", ranks) + _results("eshop-2008 June", "jumps", only)


def _scorers(ranker: Ranker) -> dict[str, Scorer]:
    understudy = PopularityRanker()
    return {
        "model, with history": ranked(ranker),
        "model, empty state": ranked_empty(ranker),
        "understudy, with history": ranked(understudy),
        "understudy, empty state": ranked_empty(understudy),
    }


def _simple(counts: Counts, day: date) -> dict[str, Scorer]:
    return {
        "popularity": lambda moments: counts.popularity(day, moments),
        "item cosine to the last look": lambda moments: counts.cosine(day, moments),
        "first-order Markov": lambda moments: counts.markov(day, moments),
    }


def _judge(scorers: dict[str, Scorer], some: Sequence[Moment], ranks: Ranks) -> None:
    targets = np.array([moment.target for moment in some])
    for name, scorer in scorers.items():
        ranks.setdefault(name, []).append(mean_ranks(scorer(some), targets))


def _same_table(moments: Iterable[Moment]) -> Iterator[list[Moment]]:
    """Runs of one snapshot, small enough for one matrix."""
    for _, run in groupby(moments, key=lambda moment: id(moment.table)):
        some = list(run)
        step = max(1, ROWS_AT_ONCE // some[0].table.n)
        for start in range(0, len(some), step):
            yield some[start : start + step]


def _sessions(moments: Sequence[Moment]) -> list[list[int]]:
    sessions: dict[str, list[int]] = {}
    for moment in moments:
        sessions.setdefault(moment.visitor, []).append(moment.target)
    return list(sessions.values())


def _is_jump(moment: Moment) -> bool:
    table = moment.table
    return eshop.is_jump(table.ids[moment.target], table.ids[table.row_of_key(moment.state.recent[0].key)])


def _results(dataset: str, looks: str, ranks: Ranks) -> list[Result]:
    return [Result(dataset, name, looks, quality(np.concatenate(parts))) for name, parts in ranks.items()]
