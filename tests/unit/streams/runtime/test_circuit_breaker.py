"""The circuit opens after failures in a row, lets one trial through at a time, and closes on success."""

from __future__ import annotations

from structlog.testing import capture_logs

from streams.runtime.circuit_breaker import Circuit
from streams.runtime.telemetry.logs import configure


def state_of(circuit: Circuit) -> str:
    return circuit.state


def open_circuit(at: float = 0.0) -> Circuit:
    circuit = Circuit(failures=3, trial_every_s=0.25)
    for _ in range(3):
        assert circuit.allows(at)
        circuit.record_failure(at)
    return circuit


def test_stays_closed_while_some_succeed() -> None:
    circuit = Circuit(failures=3)
    for _ in range(10):
        circuit.record_failure(0.0)
        circuit.record_failure(0.0)
        circuit.record_success()
    assert state_of(circuit) == "closed"
    assert circuit.allows(0.0)


def test_open_refuses_at_once_until_a_trial_is_due() -> None:
    circuit = open_circuit()
    assert state_of(circuit) == "open"
    assert not circuit.allows(0.1)
    assert circuit.allows(0.3)
    assert state_of(circuit) == "half_open"


def test_one_trial_at_a_time() -> None:
    circuit = open_circuit()
    assert circuit.allows(0.3)
    assert not circuit.allows(0.31)
    assert circuit.allows(0.6), "a trial that never reports must not shut the door for ever"


def test_a_trial_decides() -> None:
    circuit = open_circuit()
    assert circuit.allows(0.3)
    circuit.record_failure(0.35)
    assert state_of(circuit) == "open"
    assert not circuit.allows(0.5)
    assert circuit.allows(0.61)
    circuit.record_success()
    assert state_of(circuit) == "closed"
    assert circuit.allows(0.62)


def test_opening_and_closing_are_logged_once_each() -> None:
    configure(style="json")  # another test may have left a higher level
    with capture_logs() as lines:
        circuit = open_circuit()
        for at in (0.3, 0.6):
            assert circuit.allows(at)
            circuit.record_failure(at)
        assert circuit.allows(0.9)
        circuit.record_success()
        circuit.record_success()
    assert [(line["event"], line["log_level"], line["service"]) for line in lines] == [
        ("circuit opened", "warning", "redis"),
        ("circuit closed", "info", "redis"),
    ]
