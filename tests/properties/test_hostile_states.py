"""A stored state may be anything: it is refused, or gives a whole page, and no other visitor is touched."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from models.policy.decide import decide
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import Snapshot
from models.visitor.packing import unpack
from schemas.errors import UnknownVersion
from schemas.storefront import PAGE_ORDER
from tests.both_builds import compiled
from tests.properties.test_layout_laws import a_request, check_page, is_allowed, items_by_slot
from tests.random_decisions import damage
from tests.unit.models.random_shops import AT, random_snapshot

DAMAGED = 1_500


def decide_damaged(snapshot: Snapshot, requests: list[PageRequest], expected: list[bytes]) -> bool:
    """Whether the page between two others was decided; in any case the others are as they were."""
    first, damaged, last = requests
    try:
        decided = decide(snapshot, requests, AT)
    except UnknownVersion:
        with pytest.raises(UnknownVersion):
            unpack(damaged.state)
        assert [one.body() for one in decide(snapshot, [first, last], AT)] == [expected[0], expected[2]]
        return False
    assert [decided[0].body(), decided[2].body()] == [expected[0], expected[2]]
    check_page(snapshot.shop, decided[1])
    for row in items_by_slot(decided[1]).values():
        assert all(is_allowed(snapshot.shop, item, damaged.page) for item in row)
    return True


def test_a_damaged_state_is_refused_or_gives_a_whole_page() -> None:
    compiled("models.policy.page_run")  # where no index is looked at twice
    random, whole = Random(17), 0
    for seed in range(10):
        snapshot = random_snapshot(Random(seed), 60)
        page = PAGE_ORDER[seed % len(PAGE_ORDER)]
        requests = [a_request(random, snapshot.shop.items, page, number) for number in range(3)]
        expected = [one.body() for one in decide(snapshot, requests, AT)]
        for _ in range(DAMAGED // 10):
            damaged = replace(requests[1], state=damage(random, requests[1].state))
            whole += decide_damaged(snapshot, [requests[0], damaged, requests[2]], expected)
    assert DAMAGED / 4 < whole < DAMAGED * 3 / 4
