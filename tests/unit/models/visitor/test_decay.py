"""Steps of weights, and how much of a late gain is left."""

from __future__ import annotations

import pytest

from models.visitor.decay import WEIGHTS, code_of, count_ticks, decay_gain, nearest_whole, quantise


def test_ticks_are_never_negative() -> None:
    assert count_ticks(0, 119, 60) == 1
    assert count_ticks(119, 0, 60) == 0


def test_every_weight_is_its_own_nearest() -> None:
    assert [code_of(weight) for weight in WEIGHTS] == list(range(256))
    assert (quantise(1e9), quantise(0.01)) == (WEIGHTS[-1], 0.0)


def test_a_late_gain_is_what_decay_would_have_left() -> None:
    assert decay_gain(2.0, 0, 20 * 60, 60) == 1.0
    assert decay_gain(2.0, 60, 0, 60) == 2.0


@pytest.mark.parametrize("number", [0.0, 0.5, 1.5, 2.5, 2.4999999999, 99.49, 1e14 + 0.5])
def test_whole_numbers_are_those_of_round(number: float) -> None:
    assert nearest_whole(number) == round(number)
