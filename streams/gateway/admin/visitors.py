"""`GET /v1/visitors/{id}`: what is stored of a visitor, in words a person can read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from models.policy.inspection.visitor_profile import build_profile
from models.storefront.shop import Shop
from models.visitor.packing import unpack
from schemas.errors import UnknownVersion
from streams.gateway.access.callers import authorise
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.http.asgi_io import Receive, Scope, Send, send_bytes
from streams.gateway.http.parameters import parse_visitor, refuse_parameters
from streams.gateway.http.problems import Problem
from streams.gateway.layouts.store_reads import ReadFailed, StoreReads

ROUTE = "/v1/visitors/{visitor}"
READ_WITHIN_S = 0.5


class VisitorRoute:
    """Reads the state; the names come from the shop of this process."""

    def __init__(self, reads: StoreReads, partition_map: PartitionMap, shop: Callable[[], Shop]) -> None:
        self._reads, self._partition_map, self._shop = reads, partition_map, shop

    async def get(self, text: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the profile; `text` is the id in the path. Problem 404 for a visitor we do not know."""
        refuse_parameters(scope["query_string"])
        visitor = parse_visitor("visitor", text)
        authorise(scope, visitor)
        partition = self._partition_map.partition_of(visitor)
        until = asyncio.get_running_loop().time() + READ_WITHIN_S
        try:
            packed = await self._reads.read_state(partition, visitor, until)
        except ReadFailed as exc:
            raise Problem(
                503, f"the store does not answer: {exc.reason}", headers={"retry-after": "1"}
            ) from exc
        if packed is None:
            raise Problem(404, "nothing is known of this visitor", field="visitor")
        try:
            state = unpack(packed)
        except UnknownVersion as exc:
            raise Problem(503, "this state cannot be read: repair it, or start the newer code") from exc
        await send_bytes(send, msgspec.json.encode(build_profile(visitor, partition, state, self._shop())))
