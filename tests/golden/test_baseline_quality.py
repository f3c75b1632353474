"""The packaged ranker on a small fixed evaluation: real clicks of the first days of June 2008.

`etalage evaluate` prints the whole table; this keeps the promise from breaking unseen. Signals begin on
25 May here, so Markov and co-views know less than they do on the whole data.
"""

from __future__ import annotations

from datetime import date

import pytest

from models.ranking.onnx import load_ranker
from models.training.evaluation.evaluate import evaluate_real
from models.training.evaluation.metrics import Quality

DAYS = (date(2008, 5, 25), date(2008, 6, 3))


@pytest.fixture(scope="module")
def figures() -> dict[tuple[str, str], Quality]:
    results = evaluate_real(load_ranker(), seed=7, days=DAYS)
    return {(one.model, one.looks): one.quality for one in results}


def test_the_baselines_are_what_others_found(figures: dict[tuple[str, str], Quality]) -> None:
    """Popularity and Markov as in the data's README: the protocol is the agreed one."""
    assert figures["popularity", "all"].looks > 2000
    assert figures["popularity", "all"].ndcg_10 == pytest.approx(0.066, abs=0.015)
    assert 0.2 < figures["first-order Markov", "all"].ndcg_10 < 0.32


def test_with_a_history_it_is_far_above_popularity(figures: dict[tuple[str, str], Quality]) -> None:
    for looks in ("all", "jumps"):
        model, popularity = figures["model, with history", looks], figures["popularity", looks]
        assert model.ndcg_10 > 1.3 * popularity.ndcg_10
        assert model.hit_20 > 1.3 * popularity.hit_20


def test_with_an_empty_state_it_is_not_below_popularity(figures: dict[tuple[str, str], Quality]) -> None:
    """Also the understudy, which serves strangers. 0.003 is one standard error of so few clicks."""
    for name in ("model, empty state", "understudy, empty state"):
        assert figures[name, "all"].ndcg_10 >= figures["popularity", "all"].ndcg_10 - 0.003


def test_the_understudy_knows_affinities_too(figures: dict[tuple[str, str], Quality]) -> None:
    assert figures["understudy, with history", "all"].ndcg_10 > 1.5 * figures["popularity", "all"].ndcg_10
