"""Candidates and features: compiled as interpreted, bit for bit, on states and on bytes from anywhere."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from models.candidates.generation import CANDIDATES_MAX
from models.visitor.packing import pack
from schemas.storefront import PAGE_ORDER
from tests.both_builds import compiled, interpreted
from tests.unit.models.asked_pages import Asker, full_state
from tests.unit.models.random_shops import AT, random_table

SIZES = (1, 2, 5, 20, 60, 150, 400)
DAMAGED = 20_000


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1 << 30))
def test_compiled_and_interpreted_agree_on_every_bit(seed: int) -> None:
    random = Random(seed)
    table = random_table(random, random.choice(SIZES), neighbours=random.choice((0, 6, 9, 50, 60)))
    ours, theirs = Asker(compiled, table), Asker(interpreted, table)
    at = AT + random.choice((0, 1, 60, 301, 1799, 1801, 5000, 1e6, -5000))
    for page in range(len(PAGE_ORDER)):
        packed = random.choice((b"", pack(full_state(random, table.ids))))
        limit, choice = random.choice((CANDIDATES_MAX, 50, 1)), random.random()
        assert ours.ask(packed, page, Random(choice), at, limit) == theirs.ask(
            packed, page, Random(choice), at, limit
        )


def test_damaged_states_give_finite_features_alike() -> None:
    random = Random(5)
    table = random_table(random, 150)
    ours, theirs = Asker(compiled, table), Asker(interpreted, table)
    states = [pack(full_state(random, table.ids)) for _ in range(60)]
    for number in range(DAMAGED):
        packed = damaged(random, random.choice(states))
        page, choice = random.randrange(len(PAGE_ORDER)), random.random()
        answer = ours.ask(packed, page, Random(choice), AT)
        if number % 400 == 0:  # interpreted takes three hundred times as long
            assert answer == theirs.ask(packed, page, Random(choice), AT)


def damaged(random: Random, state: bytes) -> bytes:
    """With bits turned over, cut, or lengthened; most keep their length, and so are states still."""
    packed, way = bytearray(state), random.random()
    if way < 0.9:
        for _ in range(random.choice([1, 1, 2, 8])):
            packed[random.randrange(12, len(packed))] ^= 1 << random.randrange(8)
    elif way < 0.95:
        del packed[random.randrange(len(packed)) :]
    else:
        packed += random.randbytes(random.randrange(1, 200))
    return bytes(packed)
