"""What deciding costs: µs of CPU a visitor, alone and in runs of 10 and 64, at 2,000 and 100,000 items.

    python -m tests.load.decide [--rounds 10] [--items 2000] [--profile]

Closed loop in one process, no I/O, by the policy's public functions. Every visitor has just viewed something,
so nearly all content changes; a round decides all visitors and makes their bytes. The best round counts,
since on shared cores the others tell of the neighbours. Floor: the ranker alone, on as many rows of features.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import sys
from collections.abc import Callable, Sequence
from random import Random
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from msgspec.structs import replace

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.features.spec import NAMES
from models.layout.rendering.cards import hydrate
from models.policy.decide import decide
from models.policy.inspection.explain import decision_record, explained_answer
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import Snapshot, build_snapshot
from models.ranking.onnx import BASELINE, load_ranker
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Ranker
from models.storefront.shop import build_shop
from models.visitor.state import EventRecord
from schemas.codec import decode_event, encode
from schemas.errors import EtalageError
from schemas.ids import ItemId, Version, VisitorId
from schemas.signals import Neighbour, Signal
from streams.demo.catalogue import OPENED, demo_items
from tests.load.figures import Figure, figure
from tests.load.states import NEW, fold_record

AT = OPENED.timestamp() + 3600
SIZES = (1, 10, 64)
FEW, MANY = 2000, 100_000
VISITORS = 320
"""A multiple of all sizes."""
CANDIDATES = 139
"""Of a visitor, on average, in this shop."""
ROUNDS = 5
Stage = Callable[[], object]
Visit = tuple[Any, Any, int]
"""A visitor's state, the same after one view more, and how many events the latter had."""


def measure(runs: int, say: Callable[[str], None]) -> list[Figure]:
    """`decide.*`: few items, many items and the floor in turn."""
    shops = {items: requests_at(items) for items in (FEW, MANY)}
    costs: dict[str, list[float]] = {}
    ranker = a_ranker()
    gc.collect()
    gc.freeze()  # a server does not traverse what lives as long as the process either
    for _ in range(runs):
        for size in SIZES:
            few, many = best_us(shops[FEW], size), best_us(shops[MANY], size)
            floor = floor_us(ranker, size)
            values = {
                "cpu_us": few,
                "at_100000.cpu_us": many,
                "items_ratio": many / few,
                "floor_cpu_us": floor,
            }
            for name, value in values.items():
                costs.setdefault(f"decide.{size}.{name}", []).append(value)
            say(f"runs of {size}: {few:.0f} µs, {many:.0f} at {MANY:,} items, the ranker alone {floor:.0f}")
    load = f"best of {ROUNDS} rounds over {VISITORS} visitors, one process, {runs} runs"
    return [
        figure(key, values, "ratio" if key.endswith("ratio") else "µs", load=load)
        for key, values in costs.items()
    ]


def requests_at(items: int) -> tuple[Snapshot, list[PageRequest]]:
    random = Random(5)
    snapshot = a_snapshot(items, random)
    visits = [before_and_after_view(snapshot.shop.items, random) for _ in range(VISITORS)]
    return snapshot, requests_of(snapshot, visits)


def decide_all(snapshot: Snapshot, requests: Sequence[PageRequest], size: int) -> None:
    """Decide in runs of `size`, with the bytes that a worker would store."""
    for start in range(0, len(requests), size):
        for decision in decide(snapshot, requests[start : start + size], AT + 400):
            decision.head()
            if decision.changed:
                decision.body()


def best_us(shop: tuple[Snapshot, list[PageRequest]], size: int) -> float:
    """µs of CPU a visitor in the best round."""
    return min(time_rounds(lambda: decide_all(*shop, size), ROUNDS)) / VISITORS


def floor_us(ranker: Ranker, size: int) -> float:
    """The ranker alone."""
    features = np.random.default_rng(1).random((CANDIDATES * size, len(NAMES)), dtype=np.float32)
    runs = range(VISITORS // size)
    return min(time_rounds(lambda: [ranker.score(features) for _ in runs], ROUNDS)) / VISITORS


def a_snapshot(count: int, random: Random) -> Snapshot:
    items = demo_items(count)
    categories: dict[str, list[ItemId]] = {}
    for item in items:
        categories.setdefault(item.category, []).append(ItemId(item.item_id))
    signals = {
        ItemId(item.item_id): Signal(
            item_id=ItemId(item.item_id),
            at=AT,
            delta_offset=1,
            trend=random.expovariate(0.2),
            popularity=random.expovariate(0.0125),
            co_viewed=[
                Neighbour(other, random.uniform(1, 9))
                for other in random.choices(categories[item.category], k=12)
            ],
            co_bought=[Neighbour(ItemId(other.item_id), 2.0) for other in random.sample(items, 6)],
        )
        for item in items
    }
    shop = build_shop(build_items(items, signals, AT), generation=5, built_at=AT)
    return build_snapshot(shop, a_ranker())


def a_ranker() -> Ranker:
    try:
        return load_ranker(BASELINE)
    except EtalageError as exc:
        show(f"using the understudy: {exc}")
        return PopularityRanker()


def after_events(state: Any, table: ItemTable, rows: Sequence[int], *, offset: int, name: str) -> Any:
    """The state after one event for each row, the first at `offset`."""
    for number, row in enumerate(rows, offset):
        item = table.items[row]
        line = {"item_id": item.item_id, "item_brand": item.brand, "price": item.price, "colour": item.colour}
        line |= {"item_category": item.categories[0], "item_category2": item.category}
        raw = {"message_id": f"m{number}", "event": name, "anonymous_id": "x", "timestamp": OPENED}
        event = decode_event(encode(raw | {"properties": {"items": [line]}}))
        state = fold_record(state, EventRecord(event, 0, number, AT + 20 * number, 7))
    return state


def before_and_after_view(table: ItemTable, random: Random) -> Visit:
    """Some views in two categories, now and then something put into the cart, and one view more."""
    categories = random.sample(sorted(table.categories.code_by_hash), 2)
    pool = [int(row) for category in categories for row in table.rows_in_category(category)]
    views, carts = random.randint(1, 14), int(random.random() < 0.3)
    state = after_events(NEW, table, random.choices(pool, k=views), offset=0, name="view_item")
    state = after_events(state, table, random.choices(pool, k=carts), offset=views, name="add_to_cart")
    events = views + carts
    after = after_events(state, table, random.choices(pool, k=1), offset=events, name="view_item")
    return state, after, events + 1


def requests_of(snapshot: Snapshot, visits: Sequence[Visit]) -> list[PageRequest]:
    """Requests for the later states, with what was shown for the earlier ones."""
    firsts = [
        PageRequest(visitor=VisitorId(f"a:visitor-{n}"), state=state, version=Version(7, 0, events - 2))
        for n, (state, _, events) in enumerate(visits)
    ]
    shown = [
        one for start in range(0, len(firsts), 64) for one in decide(snapshot, firsts[start:][:64], AT + 400)
    ]
    return [
        PageRequest(
            visitor=one.request.visitor, state=state, version=Version(7, 0, events - 1), previous=one.fills
        )
        for one, (_, state, events) in zip(shown, visits, strict=True)
    ]  # fmt: skip


def stages(snapshot: Snapshot, requests: Sequence[PageRequest], size: int) -> dict[str, Stage]:
    """Deciding with its bytes, and what else is made of decisions."""
    explained = [replace(request, explained=True) for request in requests]
    decided = [
        one
        for start in range(0, len(requests), size)
        for one in decide(snapshot, explained[start : start + size], AT + 400)
    ]
    bodies = [one.head() + one.body() for one in decided]
    return {
        "decide": lambda: decide_all(snapshot, requests, size),
        "hydrate": lambda: [hydrate(body, snapshot.shop) for body in bodies],
        "record": lambda: [decision_record(one) for one in decided],
        "explain": lambda: [explained_answer(one) for one in decided],
    }


def time_rounds(stage: Stage, rounds: int) -> list[float]:
    """Microseconds of CPU of each round."""
    times = []
    for _ in range(rounds):
        since = process_time()
        stage()
        times.append((process_time() - since) * 1e6)
    return times


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--items", type=int, default=FEW)
    options.add_argument("--profile", action="store_true")
    arguments = options.parse_args()
    snapshot, requests = requests_at(arguments.items)
    gc.collect()
    gc.freeze()
    show("µs per visitor, best (median)  " + "".join(f"{size:>18}" for size in SIZES))
    tables = {size: stages(snapshot, requests, size) for size in SIZES}
    for name in tables[SIZES[0]]:
        line = f"{name:31}"
        for size in SIZES:
            times = time_rounds(tables[size][name], arguments.rounds)
            line += f"{min(times) / VISITORS:10.1f} ({median(times) / VISITORS:.1f})".rjust(18)
        show(line)
    decided = decide(snapshot, [replace(one, explained=True) for one in requests[:64]], AT + 400)
    changed = sum(one.changed for one in decided)
    rows = sum(len(one.evidence.scores) for one in decided if one.evidence is not None)
    show(f"{changed} of {len(decided)} changed, {rows // len(decided)} candidates a visitor")
    show(f"{len(decided[0].body())} bytes a body")
    if arguments.profile:
        profile(tables[SIZES[-1]]["decide"])


def profile(stage: Stage) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(5):
        stage()
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def show(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
