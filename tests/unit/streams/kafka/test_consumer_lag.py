"""The lag of a group that cannot be read is not exported, and logged once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from schemas.errors import ServiceMissing
from streams.kafka import consumer_lag
from streams.kafka.consumer_lag import report_group_lags
from streams.runtime.settings import Settings
from streams.runtime.tasks import cancel_and_wait
from streams.runtime.telemetry.metrics import Metrics
from tests.unit.streams.eventually import eventually

KNOWN = 'etalage_group_lag_records{group="personalize"} 7.0'


async def test_lag_is_told_while_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, said = Metrics(), list[str]()
    away = False
    asked = 0

    def lag(_settings: Settings) -> dict[str, int]:
        nonlocal asked
        asked += 1
        if away:
            raise ServiceMissing("Kafka does not answer")
        return {"personalize": 7, "items": 0}

    def is_exported() -> bool:
        return KNOWN in metrics.render().decode()

    monkeypatch.setattr(consumer_lag, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(consumer_lag, "read_group_lags", lag)
    monkeypatch.setattr(consumer_lag, "log", SimpleNamespace(warning=lambda event, **_: said.append(event)))
    telling = asyncio.create_task(report_group_lags(Settings(), metrics))
    await eventually(is_exported)
    away = True
    await eventually(lambda: not is_exported())
    until = asked + 3
    await eventually(lambda: asked > until)
    away = False
    await eventually(is_exported)
    await cancel_and_wait(telling)
    assert said == ["group lag unknown", "group lag known again"]
