"""An event loop whose time is not the machine's: deadlines and pauses are exact, and nothing waits."""

from __future__ import annotations

import asyncio
import selectors
from typing import cast

SOCKETS_S = 0.001
"""Real seconds for sockets and threads to become ready before time goes on without them."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Work takes no time. When nothing is ready, time jumps to the next timer.

    Real sockets and threads work too, but their time is not this loop's: while a thread works, time flies.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass while the loop does not turn, as work that holds it up does."""
        self._now += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(SOCKETS_S)
        if not ready:
            self._loop.advance(timeout)
        return ready


def virtual_loop() -> VirtualTimeLoop:
    """The loop of the running test."""
    return cast("VirtualTimeLoop", asyncio.get_running_loop())
