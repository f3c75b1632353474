"""Packed states: sizes, versions, and bytes that are not ours."""

from __future__ import annotations

from random import Random
from statistics import median
from typing import Any

import pytest
from msgspec.structs import replace

from models.visitor.fold import fold
from models.visitor.packing import PACKED_MAX, VERSION, pack, unpack, version_of
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.codec import decode_event
from schemas.errors import UnknownVersion
from schemas.ids import Version
from tests.random_events import START, random_event
from tests.unit.models.visitor.folding import BOOT, DAY, LAMP, MORNING, SNEAKER, act, after


def random_history(seed: int, events: int) -> VisitorState:
    """A visitor after so many events of every kind."""
    rng, state = Random(seed), EMPTY
    for n in range(events):
        event = decode_event(random_event(rng, f"a:{seed}", n))
        state = fold(state, EventRecord(event, 0, n, START + n * 60, 7))
    return state


def full_state() -> VisitorState:
    """Every collection at its limit, with old entries."""
    acts = [act("consent_updated", purposes={"ads": True}), act("share")]
    for n in range(20):
        item: dict[str, Any] = {
            "item_id": f"i{n}",
            "item_category": f"c{n}",
            "item_brand": f"b{n}",
            "colour": f"f{n}",
        }
        item |= {"size": f"s{n}", "price": 2.5**n}
        names = ("view_item", "add_to_wishlist", "purchase")
        acts += [act(name, item, transaction_id="t", at=n) for name in names]
        acts.append(act("search", search_term=f"t{n}"))
        acts.append(act("view_promotion", tactic=f"p{n}"))
        acts.append(act("module_dismissed", envelope={"module_id": f"m{n}"}))
    acts += [act("add_to_cart", {"item_id": f"i{n}", "price": 9.99}, at=30) for n in range(20)]
    state = after(acts)
    carts = tuple(replace(line, at=MORNING - 900 * DAY) for line in state.cart)
    return replace(state, cart=carts)


def test_the_fullest_state_is_within_the_bound() -> None:
    state = full_state()
    full = [state.categories, state.bought_categories, state.price_bands, state.recent, state.wishlist]
    full += [state.cart, state.bought, state.searches, state.promotions, state.dismissed, state.message_ids]
    assert [len(some) for some in full] == [8, 6, 6, 12, 8, 8, 8, 4, 6, 4, 16]
    assert unpack(pack(state)) == state
    assert 900 < len(pack(state)) <= PACKED_MAX


def test_typical_histories_are_small() -> None:
    assert median(len(pack(random_history(seed, 8))) for seed in range(40)) <= 290
    assert median(len(pack(random_history(seed, 15))) for seed in range(40)) <= 400
    assert len(pack(EMPTY)) < 90


def test_long_lives_survive_packing_at_every_step() -> None:
    rng, state = Random(3), EMPTY
    for n in range(600):
        event = decode_event(random_event(rng, "a:3", n * rng.choice([1, 1, 60])))
        state = fold(state, EventRecord(event, 0, n, START + n * 3_000, 7))
        assert unpack(pack(state)) == state
        assert len(pack(state)) <= PACKED_MAX


def test_equal_histories_give_equal_bytes() -> None:
    acts = [act("view_item", SNEAKER), act("view_item", BOOT), act("add_to_cart", LAMP)]
    halfway = unpack(pack(after(acts[:2])))
    assert pack(after(acts[2:], halfway)) == pack(after(acts))


def test_the_version_is_read_from_the_head_alone() -> None:
    packed = pack(random_history(3, 12))
    assert version_of(packed, 5) == version_of(packed[:12], 5) == Version(7, 5, 11)


def test_newer_versions_are_not_read() -> None:
    raw = pack(random_history(1, 20))
    assert raw[0] == VERSION
    with pytest.raises(UnknownVersion, match=r"version 2; this code reads 1"):
        unpack(bytes([VERSION + 1]) + raw[1:])


@pytest.mark.parametrize(
    "damage", [b"", b"\x01", pack(EMPTY)[:-1], pack(EMPTY) + b"x", pack(random_history(1, 20))[:-3]]
)
def test_bytes_that_are_no_state_are_named(damage: bytes) -> None:
    with pytest.raises(UnknownVersion):
        unpack(damage)
