"""Channels, devices, promotions, dismissals and shares."""

from __future__ import annotations

from typing import Any

from schemas.ids import hash32
from tests.unit.models.visitor.folding import LAMP, act, after


def test_channels_and_devices_are_counted() -> None:
    state = after(
        [
            act("page_view", envelope={"context": {"device": "mobile"}}),
            act("email_opened", envelope={"channel": "email"}),
            act("store_visit", envelope={"channel": "store"}),
        ]
    )
    assert state.channels == (1, 0, 1, 0, 0, 1)
    assert state.devices == (0, 1, 0, 0, 0)


def test_a_full_count_halves_and_keeps_the_mix() -> None:
    state = after([act("page_view")] * 255 + [act("page_view", envelope={"channel": "app"})] * 100)
    assert state.channels == (255, 100, 0, 0, 0, 0)
    assert after([act("page_view")], state).channels == (128, 50, 0, 0, 0, 0)


def test_promotions_seen_and_answered() -> None:
    deal: dict[str, Any] = {"tactic": "discount"}
    acts = ["view_promotion", "module_viewed", "select_promotion", "email_opened", "email_clicked"]
    state = after([act(name, **deal) for name in acts])
    assert state.promotions == {hash32("discount"): (3, 2)}
    many = after([act("view_promotion", promotion_id=f"p{n}") for n in range(9)], state)
    assert list(many.promotions) == [hash32(f"p{n}") for n in range(3, 9)]


def test_dismissed_modules_and_shares() -> None:
    state = after(
        [act("module_dismissed", envelope={"module_id": name}) for name in "abcdea"] + [act("share", LAMP)]
    )
    assert state.dismissed == tuple(hash32(name) for name in "aedc")
    assert state.shares == 1
