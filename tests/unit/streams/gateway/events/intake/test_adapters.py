"""Events in other formats get the same answer, event by event; webhooks are proven by their signature."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest

from schemas.adapters.all_adapters import ADAPTERS
from schemas.errors import InvalidSetting
from streams.gateway.events.intake.webhooks import WebhookSecrets
from tests.unit.streams.gateway.access.keyed import SHOP, KeyBunch, keyed_gateway
from tests.unit.streams.gateway.house import House, open_gateway

SECRET = "the shop's own"
ORDER = {
    "id": 5001, "customer": {"id": 77}, "currency": "EUR", "subtotal_price": "20.00",
    "created_at": "2026-11-24T16:00:00+01:00",
    "line_items": [{"product_id": 7, "price": "20.00", "quantity": 1}],
}  # fmt: skip
LOOK = {
    "type": "track", "event": "Product Viewed", "messageId": "s-1", "anonymousId": "ann",
    "timestamp": "2026-11-24T15:00:00Z", "properties": {"product_id": "bags-0001"},
}  # fmt: skip

Keyed = tuple[House, httpx.AsyncClient, KeyBunch]


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Keyed]:
    secrets = tmp_path / "secrets.json"
    secrets.write_bytes(msgspec.json.encode({"shopify": SECRET, "woocommerce": ["new", "old"]}))
    async with keyed_gateway(webhook_secrets_file=str(secrets)) as made:
        yield made


def signed(body: bytes, secret: str = SECRET, topic: str = "orders/create") -> dict[str, str]:
    mac = base64.b64encode(hmac.new(secret.encode(), body, sha256).digest()).decode()
    return {"x-shopify-hmac-sha256": mac, "x-shopify-topic": topic, "content-type": "application/json"}


async def test_each_event_is_answered_and_written_as_ours(house: House, client: httpx.AsyncClient) -> None:
    body = {
        "batch": [LOOK, {"type": "group", "messageId": "s-2"}, {"type": "track", "messageId": "s-3"}, "x"]
    }
    answer = (await client.post("/v1/adapters/segment", json=body)).json()
    assert [result["status"] for result in answer["results"]] == [
        "accepted",
        "ignored",
        "rejected",
        "ignored",
    ]
    assert [result.get("message_id") for result in answer["results"][:2]] == ["s-1", "s-2"]
    assert answer["tokens"].keys() == {"a:ann"}
    (message,) = house.log.messages
    assert message.key == b"a:ann"
    assert msgspec.json.decode(message.value)["event"] == "view_item"
    assert b'"item_category2":"bags"' in message.value, "completed from the catalogue, as any event"


async def test_the_same_answer_as_for_our_own_format(house: House, client: httpx.AsyncClient) -> None:
    ours = {
        "event": "view_item", "message_id": "s-1", "anonymous_id": "ann", "timestamp": "2026-11-24T15:00:00Z",
        "properties": {"items": [{"item_id": "bags-0001"}]},
    }  # fmt: skip
    first = (await client.post("/v1/adapters/segment", json=LOOK)).json()
    second = (await client.post("/v1/events", json=ours)).json()
    del first["token"], second["token"], first["tokens"], second["tokens"]
    for answer in (first, second):
        del answer["results"][0]["token"]
    assert first == second
    one, other = (msgspec.json.decode(message.value) for message in house.log.messages)
    assert one == other


@pytest.mark.parametrize("name", ADAPTERS)
async def test_what_is_no_body_of_the_format_is_named(name: str, client: httpx.AsyncClient) -> None:
    for body in (b"no JSON", b"7", b"[" * 50_000):
        answer = await client.post(f"/v1/adapters/{name}", content=body)
        assert answer.status_code in (200, 400), body
        if answer.status_code == 400:
            assert ADAPTERS[name].title in answer.json()["detail"]


async def test_another_name_is_told_which_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/adapters/omniture", json={})
    assert answer.status_code == 404
    assert "segment" in answer.json()["detail"]


async def test_too_many_events_are_refused_whole(house: House, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/adapters/segment", json=[{}] * 2_501)
    assert answer.status_code == 413
    assert not house.log.messages


async def test_events_in_another_format_need_the_rights_of_our_own(keyed: Keyed) -> None:
    house, client, keys = keyed
    nobody = await client.post("/v1/adapters/segment", json=LOOK)
    assert nobody.status_code == 401
    reading = await client.post("/v1/adapters/segment", json=LOOK, headers=keys.headers("read"))
    assert reading.status_code == 403
    headers = keys.headers("publishable", origin=SHOP)
    stranger = (await client.post("/v1/adapters/segment", json=LOOK, headers=headers)).json()
    assert [result["status"] for result in stranger["results"]] == ["rejected"]
    own = keys.headers("publishable", keys.token("a:ann"), origin=SHOP)
    assert (await client.post("/v1/adapters/segment", json=LOOK, headers=own)).json()["token"]
    assert len(house.log.messages) == 1


async def test_the_write_key_of_an_sdk_is_the_user_of_basic_authentication(keyed: Keyed) -> None:
    house, client, keys = keyed
    answer = await client.post("/v1/adapters/segment", json=LOOK, auth=(keys.texts["server"], ""))
    assert answer.json()["token"]
    wrong = {"authorization": "Basic %%%"}
    assert (await client.post("/v1/adapters/segment", json=LOOK, headers=wrong)).status_code == 401
    assert len(house.log.messages) == 1


async def test_a_signed_webhook_needs_no_key(keyed: Keyed) -> None:
    house, client, _ = keyed
    body = msgspec.json.encode(ORDER)
    answer = await client.post("/v1/adapters/shopify", content=body, headers=signed(body))
    assert [result["status"] for result in answer.json()["results"]] == ["accepted"]
    (message,) = house.log.messages
    assert message.key == b"u:77"
    assert msgspec.json.decode(message.value)["properties"]["transaction_id"] == "5001"


async def test_a_machine_may_send_webhooks(keyed: Keyed) -> None:
    _, client, _ = keyed
    body = msgspec.json.encode(ORDER)
    headers = signed(body) | {"user-agent": "Shopify-Captain-Hook bot"}
    answer = await client.post("/v1/adapters/shopify", content=body, headers=headers)
    assert [result["status"] for result in answer.json()["results"]] == ["accepted"]


async def test_a_signature_of_another_secret_or_body_is_refused(keyed: Keyed) -> None:
    house, client, _ = keyed
    body = msgspec.json.encode(ORDER)
    for headers, content in (
        (signed(body, "another"), body),
        (signed(body), body + b" "),
        (signed(body) | {"x-shopify-hmac-sha256": "ÿ"}, body),
        ({"x-shopify-topic": "orders/create"}, body),
    ):
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        assert (await client.post("/v1/adapters/shopify", content=content, headers=raw)).status_code == 401
    assert not house.log.messages


@pytest.mark.parametrize("secret", ["new", "old"])
async def test_secrets_can_be_replaced_one_after_the_other(keyed: Keyed, secret: str) -> None:
    _, client, _ = keyed
    body = msgspec.json.encode({"id": 1, "customer_id": 7, "status": "processing", "line_items": []})
    mac = base64.b64encode(hmac.new(secret.encode(), body, sha256).digest()).decode()
    headers = {"x-wc-webhook-signature": mac, "x-wc-webhook-topic": "order.created"}
    assert (await client.post("/v1/adapters/woocommerce", content=body, headers=headers)).status_code == 200


async def test_without_secrets_a_webhook_is_to_come_again() -> None:
    async with keyed_gateway() as (_, client, _):
        body = msgspec.json.encode(ORDER)
        answer = await client.post("/v1/adapters/shopify", content=body, headers=signed(body))
    assert answer.status_code == 503
    assert "ETALAGE_WEBHOOK_SECRETS_FILE" in answer.json()["detail"]


async def test_in_an_open_gateway_a_delivery_needs_no_signature() -> None:
    async with open_gateway() as (house, client):
        await client.post("/v1/adapters/shopify", json={"topic": "orders/create", "payload": ORDER})
        assert len(house.log.messages) == 1


@pytest.mark.parametrize("content", [None, b"{", b'{"shopify": 7}'])
def test_a_file_of_secrets_that_cannot_be_read_is_told_at_the_start(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "secrets"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSetting, match="ETALAGE_WEBHOOK_SECRETS_FILE"):
        WebhookSecrets(str(path))
