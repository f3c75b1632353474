"""Packed states: sizes, versions, and bytes that are not ours."""

from __future__ import annotations

from random import Random
from statistics import median
from typing import Any

import pytest
from msgspec.structs import replace

from models.visitor.fold import fold, split_window
from models.visitor.packing import pack, unpack, version_of
from models.visitor.state import EMPTY, EventRecord, RecentItem, VisitorState
from models.visitor.state_fields import PACKED_MAX
from models.visitor.typed_state import STATE_VERSION
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
    assert 900 < len(split_window(pack(state))[0]) <= PACKED_MAX


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
        assert len(split_window(pack(state))[0]) <= PACKED_MAX


def test_equal_histories_give_equal_bytes() -> None:
    acts = [act("view_item", SNEAKER), act("view_item", BOOT), act("add_to_cart", LAMP)]
    halfway = unpack(pack(after(acts[:2])))
    assert pack(after(acts[2:], halfway)) == pack(after(acts))


def test_no_bytes_are_a_new_visitor() -> None:
    assert unpack(b"") == EMPTY


def test_the_version_stands_in_the_head() -> None:
    assert version_of(pack(random_history(1, 20)), 3) == Version(7, 3, 19)


@pytest.mark.parametrize(
    "changed",
    [
        {"events": 2**32}, {"shares": 256}, {"offset": -2}, {"price_weight": 0.5001}, {"brands": {-1: 1.0}},
        {"wishlist": tuple(range(9))}, {"recent": (RecentItem(1, MORNING + 999 * DAY),)},
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        pack(replace(random_history(1, 20), **changed))


def test_newer_versions_are_not_read() -> None:
    raw = pack(random_history(1, 20))
    assert raw[0] == STATE_VERSION
    with pytest.raises(UnknownVersion, match=r"version 2; this code reads 1"):
        unpack(bytes([STATE_VERSION + 1]) + raw[1:])


@pytest.mark.parametrize(
    "damage", [b"\x01", pack(EMPTY)[:-1], pack(EMPTY) + b"x", pack(random_history(1, 20))[:-3]]
)
def test_bytes_that_are_no_state_are_named(damage: bytes) -> None:
    with pytest.raises(UnknownVersion):
        unpack(damage)


@pytest.mark.parametrize("name", ["channels", "devices"])
@pytest.mark.parametrize("counts", [(), (1, 2), (0,) * 9])
def test_a_state_has_one_count_a_channel_and_a_device(name: str, counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="counts of channels"):
        pack(replace(EMPTY, **{name: counts}))
