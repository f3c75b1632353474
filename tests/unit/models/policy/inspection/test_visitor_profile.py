"""A visitor's profile names what a state holds as hashes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from models.policy.inspection.visitor_profile import Affinity, VisitorProfile, build_profile
from models.storefront.shop import build_shop, empty_shop
from models.visitor.state import EMPTY, VisitorState
from schemas.ids import Version, hash32, hash48
from tests.unit.models import shop_fixture
from tests.unit.models.shop_fixture import a_visitor


def profile_of(state: VisitorState) -> VisitorProfile:
    return build_profile("a:ann", 3, state, build_shop(shop_fixture.shop()))


def test_affinities_are_shares_strongest_first() -> None:
    state = replace(a_visitor(), categories={hash32("kind1"): 1.0, hash32("kind2"): 3.0})
    assert profile_of(state).categories == [Affinity("kind2", 0.75), Affinity("kind1", 0.25)]


def test_an_affinity_without_a_name_keeps_its_share_and_is_left_out() -> None:
    state = replace(a_visitor(), categories={hash32("kind1"): 1.0, hash32("sold long ago"): 3.0})
    assert profile_of(state).categories == [Affinity("kind1", 0.25)]


def test_items_have_their_titles() -> None:
    state = a_visitor()
    profile = profile_of(state)
    assert [hash48(item.id or "") for item in profile.recent] == [line.key for line in state.recent]
    assert profile.recent[0].title == "Thing 5 of kind5"
    assert (profile.cart[0].id, profile.cart[0].quantity) == ("i005", 1)
    assert profile.bought[0].id == "i007"


def test_an_item_that_left_the_catalogue_keeps_its_line() -> None:
    state = a_visitor()
    profile = build_profile("a:ann", 3, state, empty_shop())
    assert [(item.id, item.title, item.at) for item in profile.recent] == [
        (None, None, line.at) for line in state.recent
    ]


def test_numbers_are_those_of_the_state() -> None:
    state = a_visitor()
    profile = profile_of(state)
    assert profile.version == Version(state.incarnation, 3, state.offset).text()
    assert (profile.visitor_id, profile.at, profile.events) == ("a:ann", state.at, 20)
    assert profile.usual_price == pytest.approx(32.12)  # the state holds ln(1 + price)
    assert (profile.channels, profile.devices) == ({"web": 20}, {"mobile": 20})


def test_a_new_visitors_profile_is_empty() -> None:
    profile = profile_of(EMPTY)
    assert (profile.usual_price, profile.categories, profile.recent, profile.channels) == (None, [], [], {})
    assert profile.consent == {}
