"""What deciding costs, per visitor and stage, for 1, 16 and 64 visitors at once.

    python -m tests.load.decide [--rounds 40] [--items 2000] [--profile]

Closed loop in one process, no I/O. Every visitor has just viewed something, so nearly all content changes.
CPU time; the best round is shown beside the median, which on shared cores depends on other processes.
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

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.layout.assembly import assemble
from models.layout.context import build_contexts
from models.policy.layout_decision import PageRequest
from models.layout.kinds.registry import used_pools
from models.layout.pools import build_pools
from models.layout.rendering.cards import hydrate
from models.policy.decide import _compare, _previous_fills, decide
from models.policy.inspection.explain import decision_record, explained_answer
from models.policy.layout_decision import LayoutDecision
from models.policy.scoring import score_contexts
from models.policy.snapshot import Snapshot, build_snapshot
from models.ranking.onnx import BASELINE, load_ranker
from models.ranking.popularity import PopularityRanker
from models.ranking.ranker import Ranker
from models.storefront.shop import build_shop
from models.visitor.fold import fold
from models.visitor.state import EMPTY, EventRecord, VisitorState
from schemas.codec import decode_event, encode
from schemas.errors import EtalageError
from schemas.ids import ItemId, Version, VisitorId
from schemas.signals import Neighbour, Signal
from streams.demo.catalogue import OPENED, demo_items

AT = OPENED.timestamp() + 3600
SIZES = (1, 16, 64)
Stage = Callable[[], object]


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


def after_events(state: VisitorState, table: ItemTable, rows: Sequence[int], name: str) -> VisitorState:
    for row in rows:
        item, offset = table.items[row], state.offset + 1
        line = {"item_id": item.item_id, "item_brand": item.brand, "price": item.price, "colour": item.colour}
        line |= {"item_category": item.categories[0], "item_category2": item.category}
        raw = {"message_id": f"m{offset}", "event": name, "anonymous_id": "x", "timestamp": OPENED}
        event = decode_event(encode(raw | {"properties": {"items": [line]}}))
        state = fold(state, EventRecord(event, 0, offset, AT + 20 * offset, 7))
    return state


def before_and_after_view(table: ItemTable, random: Random) -> tuple[VisitorState, VisitorState]:
    """A state after some views in two categories, and the same after one view more."""
    categories = random.sample(sorted(table.categories.code_by_hash), 2)
    pool = [int(row) for category in categories for row in table.rows_in_category(category)]
    state = after_events(EMPTY, table, random.choices(pool, k=random.randint(1, 14)), "view_item")
    if random.random() < 0.3:
        state = after_events(state, table, random.choices(pool, k=1), "add_to_cart")
    return state, after_events(state, table, random.choices(pool, k=1), "view_item")


def requests_of(snapshot: Snapshot, visits: Sequence[tuple[VisitorState, VisitorState]]) -> list[PageRequest]:
    firsts = [
        PageRequest(visitor=VisitorId(f"a:visitor-{n}"), state=state, version=Version(7, 0, state.offset))
        for n, (state, _) in enumerate(visits)
    ]
    shown = decide(snapshot, firsts, AT + 400)
    return [
        PageRequest(
            visitor=one.request.visitor, state=state, version=Version(7, 0, state.offset), previous=one.fills
        )
        for one, (_, state) in zip(shown, visits, strict=True)
    ]


def stages(snapshot: Snapshot, requests: Sequence[PageRequest]) -> dict[str, Stage]:
    """Each stage alone, on the results of the stages before it."""
    shop = snapshot.shop
    at, table, view = AT + 400, shop.items, shop.view
    contexts = build_contexts(shop, requests, at)
    scored = score_contexts(snapshot, contexts, at)
    pools = list(build_pools(table, contexts, [one.scores for one in scored], used_pools(contexts)))
    previous = [_previous_fills(shop, context) for context in contexts]
    lines = list(zip(contexts, pools, previous, strict=True))
    fills = [
        assemble(context, page_pools, table, view, fills_before, at)
        for context, page_pools, fills_before in lines
    ]
    decided: list[LayoutDecision] = decide(snapshot, requests, at)
    bodies = [one.head() + one.body() for one in decided]
    return {
        "context": lambda: build_contexts(shop, requests, at),
        "score": lambda: score_contexts(snapshot, contexts, at),
        "pools": lambda: list(
            build_pools(table, contexts, [one.scores for one in scored], used_pools(contexts))
        ),
        "previous": lambda: [_previous_fills(shop, context) for context in contexts],
        "assemble": lambda: [
            assemble(context, page_pools, table, view, fills_before, at)
            for context, page_pools, fills_before in lines
        ],
        "compare": lambda: [
            _compare(shop, context, one, fill, at)
            for context, one, fill in zip(contexts, scored, fills, strict=True)
        ],
        "decide": lambda: decide(snapshot, requests, at),
        "bytes": lambda: [(one.head(), one.body()) for one in decided],
        "hydrate": lambda: [hydrate(body, shop) for body in bodies],
        "record": lambda: [encode(decision_record(one)) for one in decided],
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
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument("--items", type=int, default=2000)
    options.add_argument("--profile", action="store_true")
    arguments = options.parse_args()
    random = Random(5)
    snapshot = a_snapshot(arguments.items, random)
    visits = [before_and_after_view(snapshot.shop.items, random) for _ in range(max(SIZES))]
    gc.collect()
    gc.freeze()
    show("µs per visitor, best (median)  " + "".join(f"{size:>18}" for size in SIZES))
    sized = {size: requests_of(snapshot, visits[:size]) for size in SIZES}
    tables = {size: stages(snapshot, requests) for size, requests in sized.items()}
    for name in tables[SIZES[0]]:
        line = f"{name:31}"
        for size in SIZES:
            times = time_rounds(tables[size][name], max(5, arguments.rounds * 4 // size))
            line += f"{min(times) / size:10.1f} ({median(times) / size:.1f})".rjust(18)
        show(line)
    decided = decide(snapshot, sized[SIZES[-1]], AT + 400)
    changed, rows = sum(one.changed for one in decided), sum(len(one.scored.scores) for one in decided)
    show(f"{changed} of {len(decided)} changed, {rows // len(decided)} candidates a visitor")
    show(f"{len(decided[0].body())} bytes a body")
    if arguments.profile:
        profile(lambda: decide(snapshot, sized[SIZES[-1]], AT + 400))


def profile(stage: Stage) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(20):
        stage()
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def show(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
