"""What the door costs a layout GET, in process: `python -m tests.load.access`.

The same GET of a stored layout goes to the router alone, and through the door of an open gateway and of one
with keys, in turn; CPU time, best of many rounds. uvicorn and the socket are not in it: a whole request costs
four times as much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from streams.gateway.access.answer_headers import ANSWER_HEADERS, Headers
from streams.gateway.access.callers import CALLER, OPEN
from streams.runtime.telemetry.logs import configure
from streams.runtime.telemetry.terminal import say
from tests.unit.streams.gateway.access.keyed import SHOP, KeyBunch
from tests.unit.streams.gateway.house import ANN, House, small_shop, state_after_views

ROUNDS, EACH = 40, 300
RATE = 1e9
"""Units a second of a visitor: charged, and never over, though the clock stands."""
BROWSER = [
    (b"host", b"gateway.shop.example"), (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64)"),
    (b"accept", b"*/*"), (b"accept-language", b"en"), (b"accept-encoding", b"gzip, deflate, br"),
    (b"referer", b"https://shop.example/"),
]  # fmt: skip

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def _scope(*headers: tuple[bytes, bytes], query: bytes = b"") -> dict[str, Any]:
    return {
        "type": "http", "method": "GET", "path": "/v1/layouts/home", "scheme": "http",
        "query_string": b"visitor=a%3Aann" + query, "headers": [*BROWSER, *headers],
        CALLER: OPEN, ANSWER_HEADERS: _NoHeaders(),
    }  # fmt: skip


class _NoHeaders:
    """For the router alone; the door sets its own."""

    def added_to(self, present: Headers) -> Headers:
        return present

    def json_lines(self) -> bytes:
        return b""


async def _measure(app: App, scope: dict[str, Any]) -> float:
    """Seconds of CPU for one GET."""

    async def send(message: dict[str, Any]) -> None:
        assert message.get("status", 200) == 200
        assert b'"overload"' not in message.get("body", b"")

    started = time.process_time()
    for _ in range(EACH):
        await app(dict(scope), None, send)
    return (time.process_time() - started) / EACH


def _house(keys: KeyBunch | None) -> House:
    house = House(small_shop(), visitor_rate=0.0 if keys is None else RATE)
    if keys is not None:
        keys.give(house)
    return house


async def measure() -> dict[str, float]:
    """µs of CPU a GET, by what it went through."""
    keys = KeyBunch()
    open_house, keyed = _house(None), _house(keys)
    for house in (open_house, keyed):
        await house.write(state_after_views(["sneakers-0001"]))
    token, key = keys.token(ANN).encode(), keys.texts["publishable"].encode()
    origin = (b"origin", SHOP.encode())
    cases: dict[str, tuple[App, dict[str, Any]]] = {
        "router alone": (open_house.gateway.router, _scope()),
        "open": (open_house.gateway.app, _scope()),
        "server key": (keyed.gateway.app, _scope((b"x-etalage-key", keys.texts["server"].encode()))),
        "publishable key, token as a header": (
            keyed.gateway.app, _scope((b"x-etalage-key", key), (b"x-etalage-visitor", token), origin),
        ),
        "publishable key in the query, token as a cookie": (
            keyed.gateway.app,
            _scope((b"cookie", b"sid=1; etalage_visitor=" + token), origin, query=b"&key=" + key),
        ),
    }  # fmt: skip
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(ROUNDS):
        for name, (app, scope) in cases.items():
            best[name] = min(best[name], await _measure(app, scope))
    return {name: seconds * 1e6 for name, seconds in best.items()}


def main() -> None:
    configure(level="error", style="json")
    figures = asyncio.run(measure())
    for name, cost in figures.items():
        say(f"{cost:6.1f} µs  {cost - figures['router alone']:+5.1f}  {name}")


if __name__ == "__main__":
    main()
