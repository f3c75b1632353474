"""What a store holds of a visitor, state and window, against the fold of the log."""

from __future__ import annotations

from models.visitor.fold import split_window
from models.visitor.sessions import minute_of, window_end


def is_fold(folded: bytes, state: bytes | None, window: bytes | None, newest: float) -> bool:
    """Whether that is stored of a visitor which fold gives; a window that is over may be gone.

    Args:
        folded: what fold gives.
        state, window: what is stored; None for nothing.
        newest: the last arrival in the visitor's partition, epoch seconds.
    """
    expected, expected_window = split_window(folded)
    if state != expected:
        return False
    if window is not None:
        return window == expected_window
    return not expected_window or window_end(expected_window) < minute_of(newest)
