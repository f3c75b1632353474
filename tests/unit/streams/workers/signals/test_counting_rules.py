"""What the combiner sends is what the rules say, written down here without a thought for speed."""

from __future__ import annotations

import math
from collections import defaultdict
from random import Random

import pytest

from models.catalog.build import build_items
from models.catalog.signals.extraction import ItemInteractions, extract
from models.catalog.signals.gain_limits import (
    KNOWN_SHARE,
    RATE_MIN,
    ROOM_MIN,
    ROOM_S,
    SHARE_MAX,
    START_S,
    USUAL_S,
)
from models.catalog.signals.repeats import Repeats
from models.catalog.signals.source_rooms import CELLS, SOURCE_ROOM, VOICE_S
from models.storefront.shop import build_shop
from models.visitor.fold import fold_packed
from models.visitor.state import EventRecord
from schemas import events as e
from schemas.catalog import Item
from schemas.signals import Delta
from streams.runtime.clock import ManualClock
from streams.runtime.telemetry.metrics import Metrics
from streams.workers.signals.combiner import SignalCombiner
from tests.unit.streams.workers.signals.crowded_shop import KINDS, made_up

T0 = 1_760_000_000.0
SOURCES = (0, 0, 0, 1, 2, 3)
"""0 is none."""


def items_apart(count: int) -> list[str]:
    """Names of which no two share a cell of the table of sources; hashes are others in each process."""
    names: list[str] = []
    taken = set[int]()
    while len(names) < count:
        name = f"i{len(names)}"
        while not (cells := cells_of(name)).isdisjoint(taken):
            name += "x"
        names.append(name)
        taken |= cells
    return names


def cells_of(name: str) -> set[int]:
    keys = [hash(name) ^ source << 31 for source in SOURCES if source]
    return {(key ^ key >> 31) % CELLS for key in keys}


ITEMS = items_apart(40)
SHOP = build_shop(build_items([Item(item_id=i, title=i, categories=["x"], price=1.0) for i in ITEMS], {}, T0))
WINDOWS, WINDOW_S = 120, 1.5
Counts = dict[tuple[str, ...], float]


class PlainCounts:
    """Counts of one window by (item, count) and (item, neighbours, other)."""

    def __init__(self) -> None:
        self.levels: Counts = defaultdict(float)
        self.usual: dict[str, float] = defaultdict(float)
        self.given: dict[tuple[str, str, int], float] = defaultdict(float)
        self.age = self.held_back = self.held_back_of_sources = 0.0
        self.start_window()

    def start_window(self) -> None:
        self.counts: Counts = defaultdict(float)
        self.gained: dict[str, float] = defaultdict(float)
        self.full: set[tuple[str, ...]] = set()

    def rate(self, kind: str) -> float:
        return max(RATE_MIN, SHARE_MAX * self.usual[kind])

    def room(self, kind: str) -> float:
        return max(ROOM_MIN, ROOM_S * self.rate(kind))

    def add(self, found: ItemInteractions, source: int) -> None:
        kind = found.count
        voices = {item: self.admit(kind, item, found.voice, source) for item in found.items}
        for one, other in found.pairs:
            weight = voices[one] * found.weight
            if weight and not self.full & {(kind, other), (kind, other, str(source))}:
                self.counts[one, found.together, other] += weight
                self.counts[other, found.together, one] += weight

    def admit(self, kind: str, item: str, voice: float, source: int) -> float:
        room, level = self.room(kind), self.levels[kind, item]
        if level + voice > room:
            self.full.add((kind, item))
        admitted = min(voice, max(0.0, room - level))
        self.held_back += voice - admitted
        if source and admitted:
            admitted = self.admit_of_source(kind, item, admitted, source)
        self.levels[kind, item] += admitted
        self.gained[kind] += admitted
        if admitted:
            self.counts[item, kind] += admitted
        return admitted

    def admit_of_source(self, kind: str, item: str, voice: float, source: int) -> float:
        admitted, given = voice, self.given[kind, item, source]
        if given:
            left = min(KNOWN_SHARE * self.room(kind) - self.levels[kind, item], SOURCE_ROOM - given)
            admitted = min(voice, max(0.0, left))
        if admitted < voice:
            self.full.add((kind, item, str(source)))
            self.held_back_of_sources += voice - admitted
        self.given[kind, item, source] += admitted
        return admitted

    def end_window(self, seconds: float) -> Counts:
        share = -math.expm1(-seconds / min(USUAL_S, START_S + self.age))
        self.age += seconds
        for kind in ("views", "carts", "purchases", "shares"):
            self.usual[kind] += share * (self.gained[kind] / seconds - self.usual[kind])
        for (kind, item), level in self.levels.items():
            self.levels[kind, item] = max(0.0, level - self.rate(kind) * seconds)
        for key, given in self.given.items():
            self.given[key] = max(0.0, given - seconds / VOICE_S)
        counts = self.counts
        self.start_window()
        return counts


def without_dust(counts: Counts) -> Counts:
    """Leaves out what rounding lets into a bucket that is full."""
    return {key: voices for key, voices in counts.items() if voices > 1e-9}


def counts_of(deltas: list[Delta]) -> Counts:
    counts: Counts = {}
    for delta in deltas:
        for kind in ("views", "carts", "purchases", "shares"):
            if voices := getattr(delta, kind):
                counts[delta.item_id, kind] = voices
        for together in ("co_viewed", "co_bought"):
            for other, weight in getattr(delta, together).items():
                counts[delta.item_id, together, other] = weight
    return counts


def a_record(random: Random, number: int, at: float, each: int) -> EventRecord:
    """Of visitors who do about `each` things, the first of them as newcomers; three items draw most of it."""
    kind = random.choices(list(KINDS), (6, 2, 2, 1))[0]
    visitor = f"v{number // each - random.randrange(5)}"
    event = made_up(kind, ITEMS[0], visitor, number, at - random.choice((0, 0, 0, 40, 2000, 4000)))
    items = random.choices(ITEMS, [9, 6, 3, *[1] * 37], k=random.choice((1, 1, 2, 3)))
    event.properties.items[:] = [e.EventItem(item_id=item) for item in items]  # type: ignore[union-attr]
    return EventRecord(event, 0, number, at, 1, random.choice(SOURCES))


@pytest.mark.parametrize(("each", "busy"), [(3, True), (10, True), (30, False)])
def test_random_traffic_is_counted_by_the_rules(each: int, busy: bool) -> None:
    random, clock, metrics = Random(each), ManualClock(T0), Metrics()
    combiner, plain, states = SignalCombiner("shop", metrics, clock), PlainCounts(), dict[str, bytes]()
    pairs, rooms, repeats = 0, set[float](), Repeats()
    for window in range(WINDOWS):
        for step in range(random.choice((0, 10, 100, 200) if busy else (0, 1, 5, 40))):
            record = a_record(random, 200 * window + step, clock.now(), each)
            visitor = str(record.event.anonymous_id)
            before = states.get(visitor, b"")
            combiner.add(before, record, SHOP)
            found = extract(before, record, SHOP.items)
            new = None if found is None else repeats.new_of(record.event.visitor, found, record.arrival)
            if new is not None:
                plain.add(new, record.source)
            states[visitor] = fold_packed(before, record)
        clock.advance(WINDOW_S)
        expected = plain.end_window(WINDOW_S)
        counted = counts_of(combiner.drain())
        assert without_dust(counted) == pytest.approx(without_dust(expected), rel=1e-9, abs=1e-9)
        pairs += sum(len(key) == 3 for key in expected)
        rooms.add(plain.room("views"))
    assert pairs > 100
    assert min(plain.held_back, plain.held_back_of_sources) > 20
    assert (max(rooms) > ROOM_MIN) == busy
    expected_of = {"item": plain.held_back, "source": plain.held_back_of_sources}
    assert voices_limited(metrics) == pytest.approx(expected_of)


def voices_limited(metrics: Metrics) -> dict[str, float]:
    lines = [line.decode() for line in metrics.render().splitlines() if b"voices_limited_total{" in line]
    return {line.split('"')[1]: float(line.split()[1]) for line in lines}
