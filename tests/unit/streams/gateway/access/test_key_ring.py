"""When keys are needed, how soon a change of them is heeded, and what holds while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from schemas.api_keys import ApiKey, issue_key
from schemas.errors import ServiceMissing, StoreUnavailable
from streams.gateway.access.key_ring import READ_WITHIN_S, REFRESH_S, KeyRing
from streams.gateway.access.permissions import LAYOUT, PERMISSIONS
from streams.gateway.access.refusals import UNREAD
from streams.runtime.settings import Settings
from streams.runtime.tasks import cancel_and_wait
from streams.stores.api_keys import refuse_unguarded
from tests.unit.streams.gateway.access.conftest import Keyed
from tests.unit.streams.gateway.house import ANN, open_gateway, state_after_views

HOME = f"/v1/layouts/home?visitor={ANN}"
KEY, TEXT = issue_key("server", now=0)


class Stored:
    """What Redis holds; `down` takes it away."""

    def __init__(self, keys: Sequence[ApiKey] | None) -> None:
        self.keys, self.down = keys, False

    async def read(self) -> Sequence[ApiKey] | None:
        if self.down:
            raise StoreUnavailable("gone")
        return self.keys


@pytest.mark.parametrize(
    ("host", "open_", "opens"),
    [
        ("127.0.0.1", "auto", True), ("::1", "auto", True), ("localhost", "auto", True),
        ("127.0.0.1", "0", False),
        ("0.0.0.0", "auto", False), ("10.0.0.1", "auto", False), ("::", "auto", False),
        ("gateway", "auto", False),
        ("0.0.0.0", "1", True), ("0.0.0.0", "0", False),
    ],
)  # fmt: skip
def test_a_gateway_on_a_network_does_not_start_without_keys(host: str, open_: str, opens: bool) -> None:
    settings = Settings(host=host, open=open_)  # type: ignore[arg-type]
    refuse_unguarded(settings, [KEY])
    if opens:
        refuse_unguarded(settings, None)
    else:
        with pytest.raises(ServiceMissing, match=r"etalage keys create.*ETALAGE_OPEN=1"):
            refuse_unguarded(settings, None)


def test_an_admin_port_on_a_network_needs_keys_too() -> None:
    with pytest.raises(ServiceMissing):
        refuse_unguarded(Settings(admin_address="0.0.0.0:9000"), None)
    refuse_unguarded(Settings(admin_address="[::1]:9000"), None)


@pytest.mark.parametrize(
    ("open_", "without", "with_keys"),
    [("auto", "open", "closed"), ("1", "open", "closed"), ("0", "closed", "closed")],
)
def test_when_it_is_open(open_: str, without: str, with_keys: str) -> None:
    ring = KeyRing(Settings(open=open_))  # type: ignore[arg-type]
    assert (ring.state, ring.open) == ("unread", False), "a list that was not read is not an empty one"
    ring.update(None)
    assert ring.state == without
    ring.update([KEY])
    assert ring.state == with_keys


def test_it_never_opens_again() -> None:
    ring = KeyRing(Settings())
    ring.update([KEY])
    ring.update(None)
    assert ring.find(TEXT.encode()).key == KEY, "Redis lost them: the last ones hold"
    ring.update([])
    assert (ring.state, ring.open) == ("closed", False)


@pytest.mark.parametrize(("open_", "host"), [("0", "127.0.0.1"), ("auto", "10.0.0.1")])
async def test_before_keys_were_read_nothing_that_needs_one_is_answered(open_: str, host: str) -> None:
    async with open_gateway() as (house, client):
        house.gateway.key_ring.__init__(Settings(open=open_, host=host))  # type: ignore[misc, arg-type]
        for headers in ({}, {"x-etalage-key": TEXT}):
            answer = await client.get(HOME, headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert "could not be read from Redis" in answer.json()["detail"]
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        assert house.metric('etalage_access_refused_total{reason="keys_unread"}') == 2


@pytest.mark.parametrize(("open_", "host"), [("1", "10.0.0.1"), ("auto", "127.0.0.1")])
async def test_before_keys_were_read_everybody_gets_pages_about_nobody_where_none_may_be_needed(
    open_: str, host: str
) -> None:
    """Redis may hold keys all the same: the house's does not say."""
    async with open_gateway() as (house, client):
        await house.write(state_after_views(["sneakers-0001"]))
        house.gateway.key_ring.__init__(Settings(open=open_, host=host))  # type: ignore[misc, arg-type]
        answer = await client.get(HOME)
        assert (answer.status_code, answer.json()["reason"]) == (200, "redis_down")
        assert answer.json()["mode"] in ("popular", "static")
        assert len(house.gateway.exposures.outbox) == 0, "nobody proved to be this visitor"
        for method, path in _protected():
            assert (await client.request(method, path)).status_code == 503, (method, path)
        for query in ("", f"?visitor={ANN}&explain=1"):
            assert (await client.get(f"/v1/layouts/home{query}")).status_code == 503
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/demo/access.json")).json() == {"open": False}


def _protected() -> list[tuple[str, str]]:
    """Methods and paths of all routes that need a key, but for layouts."""
    return [
        (
            method,
            route.format(page="home", visitor=ANN, name="segment")
            + ("?visitor=" + ANN if "stream" in route else ""),
        )
        for (route, method), permission in PERMISSIONS.items()
        if not permission.anybody and (route, method) != LAYOUT
    ]


async def test_why_keys_are_unread_is_told() -> None:
    async with open_gateway() as (house, _):
        ring = house.gateway.key_ring
        ring.__init__(Settings())  # type: ignore[misc]
        stored = Stored(None)
        stored.down = True
        following = asyncio.create_task(ring.keep_updated(stored.read))
        await asyncio.sleep(REFRESH_S)
        assert house.gateway.health.readiness().reason == f"{UNREAD}: gone"
        await cancel_and_wait(following)


async def test_keys_are_rotated_without_a_refused_request(keyed: Keyed) -> None:
    house, client, keys = keyed
    stored = Stored(list(keys.keys.values()))
    following = asyncio.create_task(house.gateway.key_ring.keep_updated(stored.read))
    try:
        old = keys.texts["server"]

        async def status(text: str) -> int:
            return (await client.get(HOME, headers={"x-etalage-key": text})).status_code

        new_key, new = issue_key("server", now=0)
        stored.keys = [*keys.keys.values(), new_key]
        assert await status(old) == 200
        await asyncio.sleep(REFRESH_S + READ_WITHIN_S)
        assert [await status(old), await status(new)] == [200, 200]
        keys.revoke(house, "server")
        stored.keys = [*keys.keys.values(), new_key]
        await asyncio.sleep(REFRESH_S + READ_WITHIN_S)
        assert [await status(old), await status(new)] == [401, 200]
        stored.down = True
        await asyncio.sleep(600)
        assert [await status(old), await status(new)] == [401, 200], "the last keys hold while Redis is away"
        stored.down, stored.keys = False, None
        await asyncio.sleep(600)
        assert [await status(old), await status(new)] == [401, 200], "and when it comes back empty"
    finally:
        await cancel_and_wait(following)


async def test_a_first_key_closes_a_running_gateway() -> None:
    async with open_gateway() as (house, client):
        stored = Stored(None)
        following = asyncio.create_task(house.gateway.key_ring.keep_updated(stored.read))
        try:
            await asyncio.sleep(REFRESH_S)
            assert (await client.get(HOME)).status_code == 200
            assert (await client.get("/demo/access.json")).json() == {"open": True}
            stored.keys = [KEY]
            await asyncio.sleep(REFRESH_S + READ_WITHIN_S)
            assert (await client.get(HOME)).status_code == 401
        finally:
            await cancel_and_wait(following)


async def _ask_at(house_port: int, client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> int:
    return (await client.get(f"http://gateway:{house_port}{path}", headers=headers)).status_code


async def test_admin_routes_answer_at_their_own_port_alone() -> None:
    async with open_gateway(admin_address="127.0.0.1:9001") as (house, client):
        house.gateway.app.admin_port = 9001
        cases = {
            HOME: (200, 404), f"/v1/visitors/{ANN}": (404, 404), "/v1/admin/shop": (404, 200),
            "/metrics": (404, 200), "/livez": (200, 200), "/demo/access.json": (200, 404),
            "/v1/openapi.json": (200, 404),
        }  # fmt: skip
        for path, expected in cases.items():
            assert (await _ask_at(80, client, path, {}), await _ask_at(9001, client, path, {})) == expected, (
                path
            )
        profile = [await client.get(f"http://gateway:{port}/v1/visitors/{ANN}") for port in (80, 9001)]
        assert ["nothing is known" in answer.text for answer in profile] == [False, True]
