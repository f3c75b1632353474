"""Every Kafka topic: its type, key, owner and retention; `etalage topics create` creates them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from msgspec import Struct

from schemas.catalog import Item
from schemas.control import ModelControl
from schemas.dead_letters import DeadLetter
from schemas.decisions import Decision, Exposure
from schemas.events import KnownEvent
from schemas.signals import Delta, Signal
from schemas.sources import SOURCE_HEADER
from schemas.storefront import Section


class Topic(Struct, frozen=True, kw_only=True):
    """One topic. Visitor-keyed topics all have the same number of partitions, item-keyed ones too.

    Attributes:
        name: Without the namespace; ends with the version of the contract.
        payload: Type of the values.
        keyed_by: What the record key identifies.
        owner: The role that decides about the contract.
        retention: None for a compacted topic, which keeps its records.
        compacted: Whether Kafka keeps the last record of each key.
        timestamps: Whether a record's timestamp is its producer's or its arrival.
        headers: Kafka headers that a record may have, and what they say.
    """

    name: str
    payload: Any
    keyed_by: Literal["visitor", "item", "section", "model", "record"]
    owner: str
    retention: timedelta | None = None
    compacted: bool = False
    timestamps: Literal["CreateTime", "LogAppendTime"] = "CreateTime"
    headers: Mapping[str, str] = {}

    def full_name(self, namespace: str) -> str:
        """Return the topic's name on the cluster: the namespace, a dot, the name."""
        return f"{namespace}.{self.name}"


EVENTS = Topic(
    name="events.v1", payload=KnownEvent, keyed_by="visitor", owner="storefront developers",
    retention=timedelta(days=7), timestamps="LogAppendTime",
    headers={SOURCE_HEADER: "pseudonym of the address that a browser's event came from, by the gateway"},
)  # fmt: skip
CATALOG = Topic(name="catalog.v1", payload=Item, keyed_by="item", owner="merchandisers", compacted=True)
STOREFRONT = Topic(
    name="storefront.v1", payload=Section, keyed_by="section", owner="merchandisers", compacted=True
)
ITEM_DELTAS = Topic(
    name="item-deltas.v1", payload=Delta, keyed_by="item", owner="streams", retention=timedelta(days=1)
)
ITEM_SIGNALS = Topic(name="item-signals.v1", payload=Signal, keyed_by="item", owner="streams", compacted=True)
MODEL_CONTROL = Topic(
    name="model-control.v1", payload=ModelControl, keyed_by="model", owner="ML engineers", compacted=True
)
DECISIONS = Topic(
    name="decisions.v1", payload=Decision, keyed_by="visitor", owner="ML engineers",
    retention=timedelta(days=30),
)  # fmt: skip
EXPOSURES = Topic(
    name="exposures.v1", payload=Exposure, keyed_by="visitor", owner="ML engineers",
    retention=timedelta(days=30),
)  # fmt: skip
DEAD_LETTERS = Topic(
    name="dead-letters.v1", payload=DeadLetter, keyed_by="record", owner="SREs", retention=timedelta(days=14)
)

TOPICS: tuple[Topic, ...] = (
    EVENTS, CATALOG, STOREFRONT, ITEM_DELTAS, ITEM_SIGNALS, MODEL_CONTROL, DECISIONS, EXPOSURES, DEAD_LETTERS,
)  # fmt: skip
