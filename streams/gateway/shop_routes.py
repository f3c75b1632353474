"""`PUT /v1/catalog/items` and `PUT /v1/storefront`: what merchandisers change, written to the topics."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS, encode
from schemas.errors import InvalidDocument, StreamUnavailable
from schemas.storefront import Section
from schemas.topics import CATALOG, STOREFRONT
from streams.batches import Pair, send_all
from streams.compacted import read_to_end
from streams.documents import storefront_in
from streams.gateway.answers import Receive, Scope, Send, encoded, read_body, send_bytes
from streams.gateway.event_log import EventLog
from streams.gateway.intake import field_named
from streams.gateway.problems import Problem
from streams.gateway.query import refuse_parameters
from streams.pushing import SectionChanges, push_storefront
from streams.settings import Settings
from streams.shop_inputs import ShopInputs

CATALOG_ROUTE, STOREFRONT_ROUTE = "/v1/catalog/items", "/v1/storefront"
CATALOG_BYTES_MAX, STOREFRONT_BYTES_MAX = 32 << 20, 4 << 20
AT_ONCE = 200
"""Items decoded without letting the loop turn."""

WRITTEN_WITHIN_S = 5.0
READ_WITHIN_S = 10.0

_decode_item = msgspec.json.Decoder(Item).decode
_decode_entries = msgspec.json.Decoder(list[Raw]).decode


class ItemAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one item, in the order given."""

    status: Literal["accepted", "rejected", "retry"]
    item_id: str | None = None
    reason: str | None = None
    field: str | None = None


class CatalogAnswer(Struct, frozen=True):
    results: list[ItemAnswer]


class ShopRoutes:
    """Both write whole values: the last one of a key counts."""

    def __init__(self, settings: Settings, log: EventLog) -> None:
        self._settings, self._log = settings, log

    async def put_items(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_parameters(scope["query_string"])
        entries = _entries(await read_body(scope, receive, CATALOG_BYTES_MAX))
        results: list[ItemAnswer] = []
        pairs: list[Pair] = []
        for number, entry in enumerate(entries):
            result = _judge(entry, pairs)
            results.append(result)
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        written = await self._write(pairs)
        if not written:
            results = [_retry(result) if result.status == "accepted" else result for result in results]
        await send_bytes(
            send,
            msgspec.json.encode(CatalogAnswer(results)),
            more=() if written else encoded({"retry-after": "1"}),
        )

    async def put_storefront(self, scope: Scope, receive: Receive, send: Send) -> None:
        refuse_parameters(scope["query_string"])
        body = await read_body(scope, receive, STOREFRONT_BYTES_MAX)
        try:
            wanted = storefront_in(body, "storefront")
        except InvalidDocument as exc:
            raise Problem(422, str(exc), field=exc.field) from exc
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                now = await self._sections()
                changes: SectionChanges = await push_storefront(
                    self._producer(), self._settings.namespace, now, wanted
                )
        except (StreamUnavailable, TimeoutError) as exc:
            raise _unavailable(str(exc)) from exc
        await send_bytes(send, encode(changes))

    async def _sections(self) -> dict[str, Section]:
        """What stands in Kafka now, so that what is no longer wanted can be removed."""
        inputs, namespace = ShopInputs(), self._settings.namespace
        inputs.apply(await read_to_end(self._settings.kafka or "", STOREFRONT, namespace), namespace)
        return inputs.sections

    async def _write(self, pairs: list[Pair]) -> bool:
        """Whether all are surely written."""
        if self._log.producer is None:
            return not pairs
        topic = CATALOG.full_name(self._settings.namespace)
        try:
            await send_all(self._log.producer, topic, pairs, within_s=WRITTEN_WITHIN_S)
        except StreamUnavailable:
            return False
        return True

    def _producer(self) -> object:
        if self._log.producer is None:
            raise _unavailable("there is no connection to Kafka")
        return self._log.producer


def _unavailable(why: str) -> Problem:
    return Problem(503, f"nothing is surely written: {why}", headers={"retry-after": "1"})


def _entries(body: bytes) -> list[bytes]:
    """The items of a JSON list or of lines with one object each; Problem 400 for anything else."""
    if not body.lstrip().startswith(b"["):
        return [line for line in body.splitlines() if line.strip()]
    try:
        return [bytes(entry) for entry in _decode_entries(body)]
    except DECODE_ERRORS as exc:
        raise Problem(400, f"not a list of items: {exc}", field="$") from exc


def _judge(entry: bytes, pairs: list[Pair]) -> ItemAnswer:
    """The answer for one item, which is added to `pairs` when it may be written."""
    try:
        item = _decode_item(entry)
    except DECODE_ERRORS as exc:
        return ItemAnswer(status="rejected", reason=str(exc), field=field_named(str(exc)))
    pairs.append((item.item_id.encode(), encode(item)))
    return ItemAnswer(status="accepted", item_id=item.item_id)


def _retry(result: ItemAnswer) -> ItemAnswer:
    return ItemAnswer(status="retry", item_id=result.item_id, reason="not, or not surely, written")
