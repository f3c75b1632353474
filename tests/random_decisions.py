"""Decisions drawn from seeds: of each a shop of any size, its visitors, and three turns of their pages.

`python -m tests.random_decisions FIRST COUNT` prints a line for each decision of so many seeds: its name, and
a digest of all that can be seen of it; above them which build of the policy ran.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from typing import get_args

from msgspec.structs import replace

import models
from models.catalog.build import with_signals
from models.layout.fills.packed_fills import fills_of_body
from models.policy.decide import decide
from models.policy.inspection.explain import decision_record, explained_answer
from models.policy.layout_decision import LayoutDecision, PageRequest
from models.policy.snapshot import Snapshot, build_snapshot
from models.storefront.shop import with_items
from models.visitor.packing import pack
from models.visitor.typed_state import TypedState
from schemas.ids import ItemId, Version, VisitorId, hash32, hash48
from schemas.signals import Signal
from schemas.storefront import PageType
from tests.unit.models.random_shops import AT, KINDS, random_snapshot, random_state

TURNS, VISITORS = 3, 8
SIZES = (1, 2, 5, 20, 60, 150, 400)
QUERIES = ("thing 3", "sneakers", "nothing like it", "")


def decisions_of(seed: int) -> Iterator[tuple[str, LayoutDecision]]:
    """The decisions of one seed, named `seed/turn/visitor/page`.

    Between turns some visitors move on, and a shop may get other signals, or another catalogue with other
    rules. What a visitor was shown before is given as it was kept in memory, or as a store gave it back.
    """
    random = Random(seed)
    shops = [_random_shop(random)]
    ids = shops[0].shop.items.ids
    requests = [_random_request(random, ids, number) for number in range(VISITORS)]
    for turn in range(TURNS):
        if turn:  # the shop before stays in memory: fills refer to it weakly
            shops.append(random.choice((_random_shop, _with_new_signals))(random, shops[-1]))
        decisions = decide(shops[-1], requests, AT + 60 * turn)
        for decision in decisions:
            yield f"{seed}/{turn}/{decision.request.visitor}/{decision.request.page}", decision
        requests = [_next_request(random, ids, decision) for decision in decisions]


def digest(*parts: bytes) -> str:
    """16 hex digits."""
    whole = blake2b(digest_size=8)
    for part in parts:
        whole.update(b"%d:" % len(part) + part)
    return whole.hexdigest()


def full_digest(decision: LayoutDecision) -> str:
    """Of the answer, the explanation, the record, and whether the content is new."""
    answer, record = decision.head() + decision.body(), decision_record(decision)
    return digest(answer, explained_answer(decision), record, b"%d" % decision.changed)


def lines(seeds: range) -> Iterator[str]:
    """What this module prints."""
    for seed in seeds:
        for name, decision in decisions_of(seed):
            yield f"{name} {full_digest(decision)}"


def damage(random: Random, packed: bytes) -> bytes:
    """A packed state with bits turned over, other bytes, cut or lengthened; many can be read still."""
    spoilt, way = bytearray(packed), random.random()
    if way < 0.6:
        for _ in range(random.choice((1, 1, 2, 8, 40))):
            spoilt[random.randrange(1, len(spoilt))] ^= 1 << random.randrange(8)
    elif way < 0.8:
        start = random.randrange(1, len(spoilt))
        spoilt[start:] = random.randbytes(len(spoilt) - start)
    elif way < 0.9:
        del spoilt[random.randrange(1, len(spoilt)) :]
    else:
        spoilt += random.randbytes(random.randrange(1, 2_000))
    return bytes(spoilt)


def _random_shop(random: Random, before: Snapshot | None = None) -> Snapshot:
    return random_snapshot(random, random.choice(SIZES), ranker=random.random() < 0.8)


def _with_new_signals(random: Random, before: Snapshot) -> Snapshot:
    """The shop after a while: the crowd looks at other things, so scores move and margins count."""
    shop, signals = before.shop, dict[ItemId, Signal]()
    for row, name in enumerate(map(ItemId, shop.items.ids)):
        moved = float(shop.items.popularity[row]) * random.uniform(0.8, 1.3)
        signals[name] = Signal(item_id=name, at=AT, delta_offset=2, popularity=moved, trend=moved / 9)
    table = with_signals(shop.items, signals, AT)
    newer = with_items(shop, table, generation=shop.generation + 1, built_at=AT)
    return build_snapshot(newer, before.ranker, before)


def _random_request(random: Random, ids: list[str], number: int) -> PageRequest:
    page: PageType = random.choice(get_args(PageType)) if number % 2 else "home"
    request = PageRequest(
        visitor=VisitorId(f"a:{number}"),
        state=b"",
        version=None,
        page=page,
        item=random.choice([*ids, "unknown"]) if page == "product" else None,
        category=random.choice([*KINDS, "shoes", "unknown"]) if page == "category" else None,
        q=random.choice(QUERIES) if page == "search" else None,
        explained=True,
    )
    return _with_state(random, ids, request) if random.random() < 0.9 else request


def _with_state(random: Random, ids: list[str], request: PageRequest) -> PageRequest:
    """The visitor with another state; some refuse personalization, some wish for something."""
    state = random_state(random, ids)
    if random.random() < 0.1:
        state = replace(state, consent=1)
    if random.random() < 0.3:
        wishlist = tuple(hash48(name) for name in random.sample([*ids, "gone-1"], min(3, len(ids))))
        state = replace(state, wishlist=wishlist, searches=(hash32("mugs"),), carts_left=2)
    version, packed = Version(state.incarnation, 2, state.offset), pack(state)
    if random.random() < 0.1 and TypedState().read(spoilt := damage(random, packed)):
        packed = spoilt
    return replace(request, state=packed, version=version)


def _next_request(random: Random, ids: list[str], decision: LayoutDecision) -> PageRequest:
    previous = decision.fills if random.random() < 0.7 else fills_of_body(decision.body())
    request = replace(decision.request, previous=previous)
    return _with_state(random, ids, request) if random.random() < 0.5 else request


if __name__ == "__main__":
    first, count = map(int, sys.argv[1:])
    for line in (models.BUILD, *lines(range(first, first + count))):
        print(line)  # noqa: T201
