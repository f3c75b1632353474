"""Events as real tags send them, with what is made of each; numbers, spelling and bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.codec import DecodedEvent, decode_with_notes
from schemas.events import AddToCart, ConsentUpdated, Event, OtherEvent, Purchase, ViewItem
from schemas.intake.notes import NOTES_MAX
from schemas.intake.numbers import number_of_text
from schemas.intake.spelling import Spelling

SENT = Path(__file__).parent / "sent"
VIEW: dict[str, Any] = {
    "event": "view_item",
    "message_id": "m1",
    "anonymous_id": "me",
    "timestamp": "2026-11-24T15:00:01Z",
    "properties": {"items": [{"item_id": "lamps-1"}]},
}


def sent(name: str) -> list[Event]:
    lines = (SENT / f"{name}.ndjson").read_bytes().splitlines()
    return [decode_with_notes(line).event for line in lines]


def mended(**changed: Any) -> DecodedEvent:
    return decode_with_notes(msgspec.json.encode(VIEW | changed))


def notes_of(decoded: DecodedEvent) -> list[tuple[str, str]]:
    return [(note.field, note.done) for note in decoded.notes]


def test_prices_as_text() -> None:
    grouped, comma, text, fraction, nulls, no_quantity, no_currency, *pages = sent("prices-as-text")
    carts = [grouped, comma, text, fraction, nulls, no_quantity, no_currency]
    assert all(isinstance(event, AddToCart) for event in carts)
    lines = [event.properties.items[0] for event in carts if isinstance(event, AddToCart)]
    assert [line.price for line in lines] == [40, None, 40, 40, None, None, None]
    assert [line.quantity for line in lines] == [1, 1, 2, 2, 1, 1, 1]
    assert isinstance(grouped, AddToCart)
    assert grouped.properties.value is None
    assert len(pages) == 3


def test_long_addresses() -> None:
    events = sent("long-addresses")
    assert len(events) == 5
    urls = [event.context.page.url for event in events if event.context and event.context.page]
    assert max(len(url or "") for url in urls) == 1000


def test_consent_as_google_writes_it() -> None:
    _, refusal, other, view, _ = sent("consent-as-google-writes-it")
    assert isinstance(refusal, ConsentUpdated)
    assert refusal.properties.purposes == {"personalization_storage": False, "ad_storage": False}
    assert isinstance(other, ConsentUpdated)
    assert view.context is not None
    assert view.context.consent == {"personalization_storage": False}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("40.00", 40.0), ("2", 2), (" 7 ", 7), ("-1.5", -1.5), ("0.125", 0.125), ("1234.567", 1234.567),
        ("1e3", 1000.0), ("12,50", None), ("4,245.42", None), ("1.234", None), ("1.234,50", None),
        ("40 EUR", None), ("", None), ("1e999", None), ("٤٠", None), ("9" * 40, None), ("0x10", None),
    ],
)  # fmt: skip
def test_numbers_of_texts(text: str, number: float | None) -> None:
    assert number_of_text(text) == number


@pytest.mark.parametrize("given", ["granted", "Granted", True, "true", "1", 1])
def test_what_grants(given: Any) -> None:
    decoded = mended(context={"consent": {"analytics": given}})
    assert decoded.event.context is not None
    assert decoded.event.context.consent == {"analytics": True}


@pytest.mark.parametrize("given", ["maybe", 2, [], 0.5])
def test_what_neither_grants_nor_refuses_is_named(given: Any) -> None:
    decoded = mended(context={"consent": {"analytics": given}})
    assert notes_of(decoded) == [("$.context.consent.analytics", "dropped")]


def test_a_long_text_is_cut_at_a_character_and_a_long_id_stays_another() -> None:
    title = "é" * 999 + "\U0001f600" * 5
    decoded = mended(context={"page": {"title": title}}, session_id="s" * 200)
    assert decoded.event.context is not None
    assert decoded.event.context.page is not None
    assert decoded.event.context.page.title == title[:1000]
    assert decoded.event.session_id is not None
    assert len(decoded.event.session_id) == 100
    assert decoded.event.session_id != mended(session_id="s" * 201).event.session_id


def test_ids_that_are_numbers_are_their_text() -> None:
    event = mended(message_id=5, user_id=12345678901, properties={"items": [{"item_id": 7.0}]}).event
    assert (event.message_id, event.user_id) == ("5", "12345678901")
    assert isinstance(event, ViewItem)
    assert event.properties.items[0].item_id == "7"


def test_a_line_that_names_nothing_does_not_spoil_the_others() -> None:
    decoded = mended(properties={"items": [{"item_id": None}, 5, {"item_id": "a"}, {"item_name": "b"}]})
    assert isinstance(decoded.event, ViewItem)
    assert [line.item_id for line in decoded.event.properties.items] == ["a"]
    assert {note.field for note in decoded.notes} == {
        "$.properties.items[0].item_id", "$.properties.items[1]", "$.properties.items[3].item_id",
    }  # fmt: skip


def test_none_of_an_item_is_put_into_no_cart() -> None:
    lines = [{"item_id": "a", "quantity": "0"}, {"item_id": "b", "quantity": 2}]
    cart = mended(event="add_to_cart", properties={"items": lines}).event
    assert isinstance(cart, AddToCart)
    assert [(line.item_id, line.quantity) for line in cart.properties.items] == [("b", 2)]
    assert isinstance(mended(event="add_to_cart", properties={"items": lines[:1]}).event, OtherEvent)


def test_an_order_without_an_id_has_that_of_its_message() -> None:
    order = mended(event="purchase").event
    assert isinstance(order, Purchase)
    assert order.properties.transaction_id == "m1"


def test_many_lines_are_cut_and_notes_are_bounded() -> None:
    decoded = mended(properties={"items": [{"item_id": n, "price": "dear"} for n in range(250)]})
    assert isinstance(decoded.event, ViewItem)
    assert len(decoded.event.properties.items) == 200
    assert len(decoded.notes) == NOTES_MAX + 1
    assert sum(decoded.counts.values()) == 401
    assert all("[]" in label or label == "$.properties.items" for label, _ in decoded.counts)


def test_a_name_of_the_sender_is_cut_and_is_no_label() -> None:
    decoded = mended(**{"x" * 500: 1})
    assert notes_of(decoded) == [("$." + "x" * 40, "unknown")]
    assert list(decoded.counts) == [("$", "unknown")]


def test_an_event_that_fits_is_taken_as_it_came() -> None:
    raw = json.dumps(VIEW, indent=2).encode()
    decoded = decode_with_notes(raw)
    assert decoded.value is raw
    assert decoded.notes == ()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("viewItem", "view_item"), ("View Item", "view_item"), ("veiw_item", "view_item"),
        ("view_itm", "view_item"), ("add-to-cart", "add_to_cart"), ("purchased", "purchase"),
        ("wheel_spun", None), ("", None), ("x" * 999, None),
    ],
)  # fmt: skip
def test_the_name_that_was_meant(name: str, meant: str | None) -> None:
    assert Spelling(["view_item", "add_to_cart", "purchase", "view_cart"]).closest(name) == meant
