"""Who is no person: by the name of its agent, or by more events in a minute than a person can cause."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from streams.gateway.http.asgi_io import header
from streams.gateway.http.requests.bots import is_bot

EVENTS_A_MINUTE = 2_000
"""Of one visitor, by its own clock: 33 a second for a minute, where a page that is scrolled through reports a
few. So neither a queue that is sent late nor a history loaded in one go looks like a machine."""
MINUTE_S = 60
KNOWN_FOR_S = 600.0
"""How long who was a machine is taken for one."""
VISITORS_MAX = 50_000
"""Counted; who was not heard of the longest is forgotten. Some 10 MB."""
MACHINES_MAX = 10_000


class Machines:
    """Counts events of each visitor by minute, and remembers who passed what a person can. Bounded memory."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._until: OrderedDict[str, float] = OrderedDict()

    def count(self, visitor: str, happened_s: float, now: float) -> bool:
        """Count an event; whether its visitor is a machine.

        Args:
            visitor: who caused it.
            happened_s: when, by the visitor's clock; epoch seconds.
            now: monotonic time, s.
        """
        minute = int(happened_s // MINUTE_S)
        last, count = self._counts.pop(visitor, (minute, 0))
        count = count + 1 if last == minute else 1
        self._counts[visitor] = minute, count
        if len(self._counts) > VISITORS_MAX:
            self._counts.popitem(last=False)
        if count > EVENTS_A_MINUTE:
            self._until[visitor] = now + KNOWN_FOR_S
            if len(self._until) > MACHINES_MAX:
                self._until.popitem(last=False)
        return self.is_machine(visitor, now)

    def is_machine(self, visitor: str, now: float) -> bool:
        """Whether a visitor was one within the last KNOWN_FOR_S seconds."""
        if not self._until:
            return False
        until = self._until.get(visitor, now)
        if until <= now:
            self._until.pop(visitor, None)
            return False
        return True


def names_machine(scope: Mapping[str, Any]) -> bool:
    """Whether the agent of a request is a machine's."""
    return is_bot(header(scope, b"user-agent"))
