"""What simple models reach on the same looks: popularity of seven days, co-visits, first-order Markov."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from models.training.replay import Moment

Scores = NDArray[np.float64]
WINDOW_DAYS = 7


class Counts:
    """Counts of finished days over `n` items; `add_day` once per day, in order."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.by_day: dict[date, Scores] = {}
        self.steps = np.zeros((n, n))
        self.together = np.zeros((n, n))

    def add_day(self, day: date, sessions: Sequence[Sequence[int]]) -> None:
        looks = np.zeros(self.n)
        for session in sessions:
            np.add.at(looks, list(session), 1)
            np.add.at(self.steps, (list(session[:-1]), list(session[1:])), 1)
            seen = sorted(set(session))
            self.together[np.ix_(seen, seen)] += 1
        self.by_day[day] = looks

    def popularity(self, day: date, moments: Sequence[Moment]) -> Scores:
        """Looks in the seven days before."""
        zero = np.zeros(self.n)
        week = sum(
            (self.by_day.get(day - timedelta(days=ago), zero) for ago in range(1, WINDOW_DAYS + 1)), zero
        )
        return np.tile(week, (len(moments), 1))

    def cosine(self, day: date, moments: Sequence[Moment]) -> Scores:
        """Sessions shared with the item looked at last, by the cosine; popularity breaks ties."""
        own = np.sqrt(np.maximum(np.diag(self.together), 1))
        near = self.together / own[:, None] / own[None, :]
        np.fill_diagonal(near, 0)
        return near[_last(moments)] + 1e-9 * self.popularity(day, moments)

    def markov(self, day: date, moments: Sequence[Moment]) -> Scores:
        """Steps from the item looked at last; popularity breaks ties."""
        return self.steps[_last(moments)] + 1e-9 * self.popularity(day, moments)


def _last(moments: Sequence[Moment]) -> list[int]:
    return [moment.table.row_of_key(moment.state.recent[0].key) for moment in moments]
