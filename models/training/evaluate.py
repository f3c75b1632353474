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

from models.candidates import Candidates
from models.features import Batch, matrix
from models.rankers import PopularityRanker, Ranker
from models.training import eshop
from models.training.baselines import Counts
from models.training.dataset import (
    SHOPPERS,
    Report,
    candidates_of,
    held_out,
    real_moments,
    simulated_moments,
)
from models.training.metrics import Quality, mean_ranks, quality
from models.training.replay import Moment
from models.visitor import EMPTY

Scores = NDArray[np.floating]
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


def ranked(ranker: Ranker, *, empty: bool = False) -> Scorer:
    """Scores of all items of the shop by a ranker, float[moments, n]."""

    def score(moments: Sequence[Moment]) -> Scores:
        table = moments[0].table
        rows = np.arange(table.n, dtype=np.int32)
        sources = np.zeros(table.n, np.uint16)
        states = [EMPTY if empty else moment.state for moment in moments]
        pages = ["home" if empty else moment.page for moment in moments]
        found = [candidates_of(m, state, page) for m, state, page in zip(moments, states, pages, strict=True)]
        full = [Candidates(rows, sources, one.anchor, one.recent) for one in found]
        at = np.array([moment.at for moment in moments])
        return ranker.score(matrix(Batch(table, states, full, pages, at))).reshape(len(moments), table.n)

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
    ranks: dict[str, list[NDArray[np.float64]]] = {name: [] for name in scorers}
    held: list[float] = []
    rng = np.random.default_rng([seed, 8])
    moments = simulated_moments(seed, shoppers)
    first = 0.0
    kept: list[Moment] = []
    for moment in moments:
        first = first or moment.at
        if (
            moment.at > first + WARM_DAYS * 86_400
            and held_out(moment.visitor)
            and rng.random() < judged_share / 3
        ):
            kept.append(moment)
    for some in _same_table(kept):
        _judge(scorers, some, ranks)
        for moment in some:
            rows = candidates_of(moment, moment.state, moment.page).rows
            held.append(100.0 if moment.target not in rows else 1.0)
    results = _results("simulated", "all", ranks)
    return [*results, Result("simulated", "(look is among the candidates)", "all", quality(np.array(held)))]


def on_real(ranker: Ranker, *, seed: int, judged_share: float) -> list[Result]:
    """June by the agreed protocol: signals and counts of finished days, every click from the second on."""
    all_ranks: dict[str, list[NDArray[np.float64]]] = {}
    jumps: list[bool] = []
    counts: Counts | None = None
    rng = np.random.default_rng([seed, 9])
    for day, moments in groupby(real_moments(seed), key=lambda moment: eshop.day_of(moment.at)):
        today = list(moments)
        counts = counts or Counts(today[0].table.n)
        if day >= eshop.JUDGED_FROM:
            judged = [m for m in today if m.state.recent and rng.random() < judged_share]
            scorers = _scorers(ranker) | _simple(counts, day)
            for name in scorers:
                all_ranks.setdefault(name, [])
            for some in _same_table(judged):
                _judge(scorers, some, all_ranks)
                jumps += [_is_jump(moment) for moment in some]
        counts.add_day(day, _sessions(today))
    chosen = np.array(jumps, bool)
    only = {name: [np.concatenate(parts)[chosen]] for name, parts in all_ranks.items()}
    return _results("eshop-2008 June", "all", all_ranks) + _results("eshop-2008 June", "jumps", only)


def _scorers(ranker: Ranker) -> dict[str, Scorer]:
    understudy = PopularityRanker()
    return {
        "model, with history": ranked(ranker),
        "model, empty state": ranked(ranker, empty=True),
        "understudy, with history": ranked(understudy),
        "understudy, empty state": ranked(understudy, empty=True),
    }


def _simple(counts: Counts, day: date) -> dict[str, Scorer]:
    return {
        "popularity": lambda moments: counts.popularity(day, moments),
        "item cosine to the last look": lambda moments: counts.cosine(day, moments),
        "first-order Markov": lambda moments: counts.markov(day, moments),
    }


def _judge(
    scorers: dict[str, Scorer], some: Sequence[Moment], ranks: dict[str, list[NDArray[np.float64]]]
) -> None:
    targets = np.array([moment.target for moment in some])
    for name, scorer in scorers.items():
        ranks[name].append(mean_ranks(scorer(some), targets))


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


def _results(dataset: str, looks: str, ranks: dict[str, list[NDArray[np.float64]]]) -> list[Result]:
    return [Result(dataset, name, looks, quality(np.concatenate(parts))) for name, parts in ranks.items()]
