"""A state that cannot be read is never overwritten nor buried, and the error names where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from schemas.errors import UnknownVersion
from schemas.ids import VisitorId
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.stores.protocols import Claim, Loaded
from streams.workers.group.ownership import Holding
from streams.workers.group.round_processor import HeldChunk
from streams.workers.personalize.engine import Engine, EngineConfig, EngineDependencies
from tests.properties.doors import Raw, retry_at_once
from tests.properties.worker import EVENTS_TOPIC
from tests.random_events import random_event


class Garbled:
    """A store whose states nobody can read."""

    async def load(
        self, partition: int, visitors: Sequence[VisitorId], *, bodies: bool = True
    ) -> list[Loaded]:
        return [Loaded(b"garbage")] * len(visitors)


async def test_a_state_that_cannot_be_read_is_told_with_its_partition() -> None:
    unused: Any = None
    store: Any = Garbled()
    dependencies = EngineDependencies(
        store=store, retries=retry_at_once, dead_letters=unused, publisher=unused, clock=ManualClock(),
        metrics=Metrics(),
    )  # fmt: skip
    engine = Engine(EngineConfig(events_topic=EVENTS_TOPIC, decisions_topic="-"), dependencies)
    holding = Holding(1, Claim("1:x", None), turn=1, at=0, reason="assigned")
    records = [Raw(b"u:bob", random_event(Random(1), "u:bob", 0), 0, 1_767_600_000_000, 1)]
    with pytest.raises(UnknownVersion, match="partition 1 holds a state of version 103; this code reads"):
        await engine.prepare([HeldChunk(holding, records, 1)])
