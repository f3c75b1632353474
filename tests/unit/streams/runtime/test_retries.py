from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from schemas.errors import Fenced, StoreUnavailable
from streams.runtime.clock import SystemClock
from streams.runtime.retries import Retries
from streams.runtime.telemetry.metrics import Metrics
from tests.unit.streams.eventually import eventually


def retries(*, deadline_s: float = 1.0, patience_s: float = 5.0, metrics: Metrics | None = None) -> Retries:
    return Retries(
        "Redis",
        deadline_s=deadline_s,
        patience_s=patience_s,
        clock=SystemClock(),
        metrics=metrics or Metrics(),
    )


async def test_a_transient_failure_is_retried() -> None:
    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreUnavailable("away")
        return "back"

    retry = retries()
    assert await retry("write", call) == "back"
    assert retry.waiting == 0


async def test_patience_ends() -> None:
    async def call() -> None:
        raise StoreUnavailable("gone for good")

    with pytest.raises(StoreUnavailable, match="for good"):
        await retries(patience_s=0.1)("write", call)


async def test_silence_is_a_failure_too() -> None:
    async def call() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StoreUnavailable, match="Redis: no answer"):
        await retries(deadline_s=0.02, patience_s=0.1)("load", call)


async def test_a_refusal_is_no_failure() -> None:
    tries = 0

    async def call() -> None:
        nonlocal tries
        tries += 1
        raise Fenced("another owner")

    with pytest.raises(Fenced):
        await retries()("write", call)
    assert tries == 1


async def test_each_call_of_redis_is_timed_and_its_failures_counted() -> None:
    metrics, fails = Metrics(), [StoreUnavailable("away")]

    async def call() -> None:
        if fails:
            raise fails.pop()

    async def silent() -> None:
        await asyncio.Event().wait()

    retry = retries(deadline_s=0.02, patience_s=0.05, metrics=metrics)
    await retry("write", call)
    await retry("publish", call)  # Kafka's
    with pytest.raises(StoreUnavailable):
        await retry("load", silent)
    text = metrics.render().decode()
    assert 'etalage_store_duration_seconds_count{operation="write"} 1.0' in text
    assert 'operation="publish"' not in text
    assert 'etalage_store_errors_total{kind="unavailable"} 1.0' in text
    assert 'etalage_store_errors_total{kind="timeout"}' in text


async def test_retrying_is_logged_once_for_all_calls_and_makes_the_process_unready() -> None:
    back = asyncio.Event()

    async def call() -> str:
        if not back.is_set():
            raise StoreUnavailable("Redis: away")
        return "back"

    retry = retries(patience_s=5.0)
    assert retry.unready_reason == ""
    with capture_logs() as lines:
        calls = [asyncio.create_task(retry("write", call)) for _ in range(3)]
        await eventually(lambda: bool(lines))
        assert retry.unready_reason == "Redis: away"
        back.set()
        assert await asyncio.gather(*calls) == ["back"] * 3
    assert retry.unready_reason == ""
    began, ended = lines
    assert 0 < began.pop("give_up_in_s") <= 5.0
    assert began == {
        "event": "retrying", "log_level": "warning",
        "service": "redis", "stage": "write", "error": "Redis: away",
    }  # fmt: skip
    assert ended == {"event": "retrying ended", "log_level": "warning", "service": "redis"}
