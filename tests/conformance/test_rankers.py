"""What every ranker must do, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from models.candidates.generation import propose
from models.features.index import index_features
from models.features.spec import NAMES, Batch, matrix
from models.ranking.onnx import load_ranker
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Ranker, split_by_visitor
from models.visitor.state import EMPTY
from schemas.errors import RankerFailed
from tests.unit.models.shop_fixture import AT, a_visitor, shop

STATES = [a_visitor(5), EMPTY, a_visitor(40, seen=1, cart=False), a_visitor(9, seen=12)]
INDEX = index_features(shop())
PAGES = ["home", "home", "product", "cart"]


RANKERS: Mapping[str, Callable[[], Ranker]] = {"popularity": PopularityRanker, "baseline": load_ranker}
"""How each ranker is made; one with an artifact by `load_ranker`, as a process does."""


@pytest.fixture(params=list(RANKERS))
def ranker(request: pytest.FixtureRequest) -> Ranker:
    return RANKERS[request.param]()


@pytest.fixture(scope="module")
def features() -> NDArray[np.float32]:
    found = [propose(shop(), state, page, [3], AT) for state, page in zip(STATES, PAGES, strict=True)]
    return matrix(Batch(INDEX, STATES, found, PAGES, AT))


def test_has_a_name_and_a_version(ranker: Ranker) -> None:
    assert ranker.name
    assert ranker.version


def test_one_finite_score_per_row(ranker: Ranker, features: NDArray[np.float32]) -> None:
    scores = ranker.score(features)
    assert scores.shape == (len(features),)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > len(scores) / 4


def test_it_says_where_it_may_run(ranker: Ranker) -> None:
    assert ranker.inline in (True, False)


def test_features_are_not_changed(ranker: Ranker, features: NDArray[np.float32]) -> None:
    given = features * 100 - 50
    before = given.copy()
    ranker.score(given)
    assert np.array_equal(given, before)


def test_what_was_clipped_before_has_the_same_scores(ranker: Ranker, features: NDArray[np.float32]) -> None:
    if ranker.bounds is None:
        return
    low, high = ranker.bounds
    assert low.shape == high.shape == (len(NAMES),)
    assert low.dtype == high.dtype == np.float32
    assert (low <= high).all()
    beyond = features * 100 - 50
    clipped = np.clip(beyond, low, high)
    assert not np.array_equal(clipped, beyond)
    assert ranker.score(clipped).tobytes() == ranker.score(beyond).tobytes()


def test_no_rows_no_scores(ranker: Ranker) -> None:
    assert ranker.score(np.empty((0, len(NAMES)), np.float32)).shape == (0,)


def test_a_permutation_of_rows_permutes_scores(ranker: Ranker, features: NDArray[np.float32]) -> None:
    order = np.random.default_rng(1).permutation(len(features))
    assert np.allclose(ranker.score(features[order]), ranker.score(features)[order], rtol=0, atol=1e-5)


def test_a_row_scores_the_same_alone(ranker: Ranker, features: NDArray[np.float32]) -> None:
    scores = ranker.score(features)
    for row in (0, 7, len(features) - 1):
        assert ranker.score(features[row : row + 1])[0] == pytest.approx(float(scores[row]), abs=1e-5)


def test_the_same_input_gives_the_same_bits(ranker: Ranker, features: NDArray[np.float32]) -> None:
    assert np.array_equal(ranker.score(features), ranker.score(features.copy()))


def test_a_feature_that_is_no_number_fails(ranker: Ranker, features: NDArray[np.float32]) -> None:
    spoilt = features.copy()
    spoilt[3, 5] = np.nan
    with pytest.raises(RankerFailed, match="finite"):
        ranker.score(spoilt)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 3e38])
def test_scores_that_are_not_finite_never_get_out(
    ranker: Ranker, features: NDArray[np.float32], bad: float
) -> None:
    """A ranker may hold a value within its bounds, else it fails."""
    spoilt = features.copy()
    spoilt[3] = bad
    try:
        scores = ranker.score(spoilt)
    except RankerFailed:
        return
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((5, len(NAMES) - 1), np.float32),
        np.zeros((5, len(NAMES) + 1), np.float32),
        np.zeros((5, len(NAMES)), np.float64),
        np.zeros(len(NAMES), np.float32),
    ],
    ids=["narrow", "wide", "double", "flat"],
)
def test_another_shape_or_type_fails(ranker: Ranker, wrong: NDArray[np.float32]) -> None:
    with pytest.raises(RankerFailed, match="float32"):
        ranker.score(wrong)


def test_all_visitors_are_scored_in_one_go(ranker: Ranker) -> None:
    found = [propose(shop(), state, page, [3], AT) for state, page in zip(STATES, PAGES, strict=True)]
    batch = Batch(INDEX, STATES, found, PAGES, AT)
    scores = split_by_visitor(ranker.score(matrix(batch)), batch.counts)
    assert [len(one) for one in scores] == [len(one.rows) for one in found]


def test_a_liked_category_comes_first(ranker: Ranker) -> None:
    """Of items equal in all else, the one of the kind looked at scores higher."""
    state = a_visitor(5)
    found = propose(shop(), state, "home", (), AT)
    scores = ranker.score(matrix(Batch(INDEX, [state], [found], ["home"], AT)))
    kind = shop().category[shop().row_of("i005")]
    liked = shop().category[found.rows] == kind
    assert scores[liked].mean() > scores[~liked].mean() + scores.std() / 2
