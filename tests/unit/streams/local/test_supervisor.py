"""When a process may start again, and when its silence counts."""

from __future__ import annotations

from streams.local.child import FIRST_WAIT_S, HeartbeatMonitor, RestartBackoff


def wait_after(backoff: RestartBackoff, *, run_s: float, requested: bool) -> float:
    backoff.note_start(1000)
    return backoff.note_end(1000 + run_s, requested=requested)


def test_one_that_was_asked_to_end_starts_again_soon() -> None:
    backoff = RestartBackoff()
    requests = (True, True, False, False, True, False)
    waits = [wait_after(backoff, run_s=20, requested=requested) for requested in requests]
    assert waits == [FIRST_WAIT_S, FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S, FIRST_WAIT_S, 1.0]
    assert wait_after(backoff, run_s=0.1, requested=True) == 4 * FIRST_WAIT_S  # too short a run to be stable


def test_a_restart_waits_for_the_backoff() -> None:
    backoff = RestartBackoff()
    assert backoff.is_due(1000)
    wait_s = wait_after(backoff, run_s=0, requested=False)
    assert not backoff.is_due(1000 + 0.9 * wait_s)
    assert backoff.is_due(1000 + wait_s)


def test_a_heartbeat_ends_the_silence() -> None:
    monitor = HeartbeatMonitor()
    assert [monitor.observe(second, heartbeat=False) for second in range(4)] == [0, 1, 2, 3]
    assert monitor.observe(4, heartbeat=True) == 0
    assert monitor.observe(5, heartbeat=False) == monitor.silent_s == 1


def test_time_that_the_observer_slept_is_no_silence() -> None:
    monitor = HeartbeatMonitor()
    monitor.observe(0, heartbeat=True)
    assert monitor.observe(3600, heartbeat=False) == HeartbeatMonitor.OBSERVATION_MAX_S
