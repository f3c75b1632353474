"""Baselines on the same views: popularity of seven days, item-item cosine, first-order Markov."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from models.training.log_replay import LabelledView

Scores = NDArray[np.float64]
WINDOW_DAYS = 7
"""Days that popularity counts. Own choice, not tuned."""
TIE_BREAK = 1e-9
"""Weight of popularity beside the counts of cosine and Markov: it only breaks ties."""


class BaselineCounts:
    """Counts of finished days over `n` items; `add_day` once per day, in order.

    Each scorer returns float64[views, n] for views of one day, knowing the days before only.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.views_by_day: dict[date, Scores] = {}
        self.transitions = np.zeros((n, n))
        self.together = np.zeros((n, n))

    def add_day(self, day: date, sessions: Sequence[Sequence[int]]) -> None:
        """Counts the sessions of a day, each the rows viewed in order. O(sum of squared session lengths)."""
        views = np.zeros(self.n)
        for session in sessions:
            np.add.at(views, list(session), 1)
            np.add.at(self.transitions, (list(session[:-1]), list(session[1:])), 1)
            distinct = sorted(set(session))
            self.together[np.ix_(distinct, distinct)] += 1
        self.views_by_day[day] = views

    def score_by_popularity(self, day: date, views: Sequence[LabelledView]) -> Scores:
        """Views of each item in the WINDOW_DAYS before the day."""
        zero = np.zeros(self.n)
        week = sum(
            (self.views_by_day.get(day - timedelta(days=ago), zero) for ago in range(1, WINDOW_DAYS + 1)),
            zero,
        )
        return np.tile(week, (len(views), 1))

    def score_by_cosine(self, day: date, views: Sequence[LabelledView]) -> Scores:
        """Item-item cosine to the item viewed last: sessions(a, b) / sqrt(sessions(a) · sessions(b))."""
        own = np.sqrt(np.maximum(np.diag(self.together), 1))
        near = self.together / own[:, None] / own[None, :]
        np.fill_diagonal(near, 0)
        return near[_find_last_rows(views)] + TIE_BREAK * self.score_by_popularity(day, views)

    def score_by_markov(self, day: date, views: Sequence[LabelledView]) -> Scores:
        """First-order Markov: how often each item followed the one viewed last."""
        return self.transitions[_find_last_rows(views)] + TIE_BREAK * self.score_by_popularity(day, views)


def _find_last_rows(views: Sequence[LabelledView]) -> list[int]:
    return [view.table.row_of_key(view.state.recent[0].key) for view in views]
