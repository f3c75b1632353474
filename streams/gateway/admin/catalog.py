"""`PUT /v1/catalog/items` and `PUT /v1/storefront`: what merchandisers change, written to the topics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from schemas.catalog import Item
from schemas.codec import DECODE_ERRORS, encode
from schemas.errors import InvalidDocument, StreamUnavailable, error_text
from schemas.storefront import Storefront
from schemas.topics import CATALOG, STOREFRONT
from streams.gateway.admin.upload_parser import Entries, split_upload
from streams.gateway.events.event_log import Log
from streams.gateway.http.asgi_io import Receive, Scope, Send, encode_headers, read_body, send_bytes
from streams.gateway.http.parameters import parse_only_flag, refuse_parameters
from streams.gateway.http.problems import Problem, error_field
from streams.kafka.batch_sending import Pair
from streams.shop.document_parsing import parse_storefront
from streams.shop.publishing import Read, SectionChanges, replace_storefront

CATALOG_ROUTE, STOREFRONT_ROUTE = "/v1/catalog/items", "/v1/storefront"
CATALOG_BYTES_MAX, STOREFRONT_BYTES_MAX = 32 << 20, 2 << 20

WRITTEN_WITHIN_S = 5.0
READ_WITHIN_S = 10.0

_decode_item = msgspec.json.Decoder(Item).decode


class ItemAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What became of one item, in the order given."""

    status: Literal["accepted", "rejected", "retry"]
    item_id: str | None = None
    reason: str | None = None
    field: str | None = None


class CatalogAnswer(Struct, frozen=True):
    results: list[ItemAnswer]


_Validated = tuple[list[ItemAnswer], list[Pair]]
"""Answers for some entries, and the records of the valid ones."""


class ShopRoutes:
    """Both write whole values: the last one of a key counts. `read` reads the storefront stored in Kafka."""

    def __init__(self, namespace: str, log: Log, read: Read) -> None:
        self._log, self._read = log, read
        self._replacing = asyncio.Lock()
        self._catalog = CATALOG.full_name(namespace)
        self._storefront = STOREFRONT.full_name(namespace)

    async def put_items(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the valid items; 200 with a result for each, `retry` for all when Kafka did not take them."""
        refuse_parameters(scope["query_string"])
        validated: list[_Validated] = []
        for entries in split_upload(await read_body(scope, receive, CATALOG_BYTES_MAX)):
            validated.append(_validate_entries(entries))
            await asyncio.sleep(0)
        written = await self._write(pair for _, pairs in validated for pair in pairs)
        answer = await _encode_answer(validated, written=written)
        await send_bytes(send, answer, headers=() if written else encode_headers({"retry-after": "1"}))

    async def put_storefront(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the stored storefront equal to the body; 200 with what changed, 422 naming what is wrong."""
        replace = parse_only_flag("replace", scope["query_string"])
        body = await read_body(scope, receive, STOREFRONT_BYTES_MAX)
        try:
            storefront = parse_storefront(body, "storefront")
        except InvalidDocument as exc:
            raise Problem(422, str(exc), field=exc.field) from exc
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                changes = await self._replace(storefront, may_clear=replace)
        except InvalidDocument as exc:
            raise Problem(422, f"storefront: {exc}; replace=1 allows it", field=exc.field) from exc
        except (StreamUnavailable, TimeoutError) as exc:
            why = f"what is written of it is not known, push it again: {error_text(exc)}"
            raise Problem(503, why, headers={"retry-after": "1"}) from exc
        await send_bytes(send, encode(changes))

    async def _replace(self, storefront: Storefront, *, may_clear: bool) -> SectionChanges:
        """One after another here, so that nobody sees two of them mixed even for a moment."""

        async def write(pairs: Sequence[Pair]) -> int | None:
            return await self._log.write_together(self._storefront, pairs, within_s=WRITTEN_WITHIN_S)

        async with self._replacing:
            return await replace_storefront(self._read, write, storefront, may_clear=may_clear)

    async def _write(self, pairs: Iterable[Pair]) -> bool:
        """Whether all were acknowledged by Kafka."""
        try:
            await self._log.write_all(self._catalog, pairs, within_s=WRITTEN_WITHIN_S)
        except StreamUnavailable:
            return False
        return True


async def _encode_answer(validated: Iterable[_Validated], *, written: bool) -> bytes:
    """The CatalogAnswer, encoded a piece at a time; `validated` is emptied, for freeing takes time too."""
    pieces = []
    for results, pairs in validated:
        answers = results if written else [_as_retry(result) for result in results]
        pieces.append(msgspec.json.encode(answers)[1:-1])
        results.clear()
        pairs.clear()
        await asyncio.sleep(0)
    return b'{"results":[%b]}' % b",".join(filter(None, pieces))


def _validate_entries(entries: Entries) -> _Validated:
    pairs: list[Pair] = []
    return [_validate(entry, pairs) for entry in entries], pairs


def _validate(entry: bytes | Raw, pairs: list[Pair]) -> ItemAnswer:
    """The answer for one item, whose record is added to `pairs` when it is valid."""
    try:
        item = _decode_item(entry)
    except DECODE_ERRORS as exc:
        return ItemAnswer(status="rejected", reason=str(exc), field=error_field(str(exc)))
    pairs.append((item.item_id.encode(), encode(item)))
    return ItemAnswer(status="accepted", item_id=item.item_id)


def _as_retry(result: ItemAnswer) -> ItemAnswer:
    """The answer for a valid item that was not written; a rejected one stays as it is."""
    if result.status != "accepted":
        return result
    return ItemAnswer(status="retry", item_id=result.item_id, reason="not, or not surely, written")
