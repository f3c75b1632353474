"""The public HTTP API as a shopper's browser uses it. What goes wrong on the way is ShopAway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from schemas.errors import EtalageError, error_text
from schemas.layouts import Layout
from streams.demo.shoppers.acts import Act

TIMEOUT_S = 5.0
_layout = msgspec.json.Decoder(Layout).decode


class ShopAway(EtalageError):
    """The gateway did not answer, or not as a gateway does."""


class ShopClient:
    """Shared by all shoppers of a process."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url.rstrip("/")

    async def post(self, acts: Sequence[Act]) -> str | None:
        """Post events of one visitor; the token of the last one, None when some must be sent again.

        An event that the gateway refuses is our own mistake: ShopAway with its reason.
        """
        answer = await self._ask("POST", "/v1/events", json={"events": list(acts)})
        results = msgspec.json.decode(answer)
        for result in results["results"]:
            if result["status"] == "rejected":
                raise ShopAway(f"an event was refused: {result.get('field')}: {result.get('reason')}")
        token: str | None = results.get("token")
        return token

    async def layout(self, page: str, visitor: str, **parts: str | None) -> Layout:
        """A page with its cards; `parts` are item, category, q and after."""
        query = {"visitor": visitor, "hydrate": "1"} | {k: v for k, v in parts.items() if v is not None}
        raw = await self._ask("GET", f"/v1/layouts/{page}", params=query)
        try:
            return _layout(raw)
        except msgspec.MsgspecError as exc:
            raise ShopAway(f"not a layout: {exc}") from exc

    async def _ask(self, method: str, path: str, **more: Any) -> bytes:
        try:
            async with self._session.request(method, self._url + path, **more) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ShopAway(f"{self._url} does not answer: {error_text(exc)}") from exc
        if answer.status != 200:
            raise ShopAway(f"{method} {path}: {answer.status} {body[:200].decode(errors='replace')}")
        return body


@asynccontextmanager
async def shop_at(url: str) -> AsyncIterator[ShopClient]:
    """A client for as long as the block runs."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield ShopClient(session, url)
