"""A restart of all goes on only when what was restarted is ready again."""

from __future__ import annotations

from typing import Any, cast

from streams.local.child import Child
from streams.local.supervisor import READY_WITHIN_S, RollingRestart


class FakeChild:
    """A child whose end and readiness the test chooses."""

    log = "log"

    def __init__(self, name: str) -> None:
        self.job: Any = type("Job", (), {"name": name})
        self.restarting, self.ready, self.restarts = False, True, 0

    def restart(self, now: float) -> None:
        self.restarting, self.restarts = True, self.restarts + 1

    def status(self) -> Any:
        return type("Status", (), {"ready": self.ready})


def made(*names: str) -> tuple[RollingRestart, list[FakeChild], list[str]]:
    children, notices = [FakeChild(name) for name in names], list[str]()
    return RollingRestart(cast("list[Child]", children), notices.append), children, notices


def test_the_next_one_waits_for_the_one_before() -> None:
    rolling, (first, second), notices = made("first", "second")
    rolling.tick(0)
    assert first.restarts == 0  # nobody asked
    rolling.request()
    rolling.tick(1)
    assert (first.restarts, second.restarts) == (1, 0)
    rolling.tick(2)
    first.restarting, first.ready = False, False  # the new one runs, and is not ready
    rolling.tick(3)
    assert second.restarts == 0
    first.ready = True
    rolling.tick(4)
    assert (first.restarts, second.restarts, rolling.ended) == (1, 1, 0)
    second.restarting = False
    rolling.tick(5)
    rolling.tick(6)
    assert (first.restarts, second.restarts, rolling.ended) == (1, 1, 1)
    assert notices == ["all processes were restarted, one after the other"]


def test_the_others_are_left_alone_when_one_does_not_get_ready() -> None:
    rolling, (first, second), notices = made("first", "second")
    rolling.request()
    rolling.tick(0)
    first.restarting, first.ready = False, False
    rolling.tick(READY_WITHIN_S)
    assert rolling.ended == 0
    rolling.tick(READY_WITHIN_S + 1)
    first.ready = True
    rolling.tick(READY_WITHIN_S + 2)
    assert (second.restarts, rolling.ended, len(notices)) == (0, 1, 1)
    assert notices[0].startswith("first is not ready 120 s after its restart (log: log)")


def test_asked_again_it_begins_anew_after_the_current_one() -> None:
    rolling, (first, second), _ = made("first", "second")
    rolling.request()
    rolling.tick(0)
    rolling.request()
    first.restarting = False
    rolling.tick(1)
    assert (first.restarts, second.restarts) == (2, 0)
