"""The public HTTP API as a shopper's browser uses it; every failure is ShopUnavailable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from schemas.errors import EtalageError, error_text
from schemas.layouts import Layout
from streams.demo.shoppers.events import EventBody

TIMEOUT_S = 5.0
_decode_layout = msgspec.json.Decoder(Layout).decode


class ShopUnavailable(EtalageError):
    """The gateway did not answer, or not as a gateway does."""


class ShopClient:
    """A client of one gateway, shared by all shoppers of a process."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url.rstrip("/")

    async def post(self, events: Sequence[EventBody]) -> str | None:
        """Post events of one visitor.

        Args:
            events: At most as many as the gateway takes in one request.

        Returns:
            The token of the last event; None when some have to be sent again.

        Raises:
            ShopUnavailable: No answer, or an event was rejected, which is a defect of the simulation.
        """
        body = await self._request("POST", "/v1/events", json={"events": list(events)})
        answer = msgspec.json.decode(body)
        for result in answer["results"]:
            if result["status"] == "rejected":
                raise ShopUnavailable(f"an event was refused: {result.get('field')}: {result.get('reason')}")
        token: str | None = answer.get("token")
        return token

    async def layout(self, page: str, visitor: str, **parameters: str | None) -> Layout:
        """Request a page with cards; parameters: item, category, q and after. Raises ShopUnavailable."""
        given = {name: value for name, value in parameters.items() if value is not None}
        query = {"visitor": visitor, "hydrate": "1"} | given
        raw = await self._request("GET", f"/v1/layouts/{page}", params=query)
        try:
            return _decode_layout(raw)
        except msgspec.MsgspecError as exc:
            raise ShopUnavailable(f"not a layout: {exc}") from exc

    async def _request(self, method: str, path: str, **options: Any) -> bytes:
        try:
            async with self._session.request(method, self._url + path, **options) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ShopUnavailable(f"{self._url} does not answer: {error_text(exc)}") from exc
        if answer.status != 200:
            raise ShopUnavailable(f"{method} {path}: {answer.status} {body[:200].decode(errors='replace')}")
        return body


@asynccontextmanager
async def connect_shop(url: str, key: str | None = None) -> AsyncIterator[ShopClient]:
    """Yield a client, with a server key for a gateway that needs one; closed at the end of the block."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        yield ShopClient(session, url)
