"""Traffic for the fault tests: good events of many visitors, and everything a log should not hold.

Seeded. Each `Sent` is one record; `partition` is set where a careless producer chose the wrong one.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import orjson

from streams.kafka.partitioner import partition_of
from tests.random_events import random_event

HOSTILE = (
    ("garbage", 4), ("tombstone", 3), ("oversized", 1), ("misplaced", 4), ("key_mismatch", 4),
    ("repeated", 25), ("repeated_late", 25), ("late", 25), ("year_1970", 5), ("year_2099", 5),
    ("unknown_name", 5),
)  # fmt: skip
"""How many of each kind stand among a thousand events; the rest are good ones."""
STATE_REMEMBERS = 16
"""Messages that a state knows without its window."""
QUEUE = 600
"""Events that an app sends again, at most: none of them is new after that."""


@dataclass(frozen=True, slots=True)
class Sent:
    kind: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None


def traffic(seed: int, *, visitors: int, count: int, partitions: int) -> list[Sent]:
    """`count` records of `visitors` visitors; every visitor has at least one good event."""
    rng = random.Random(seed)
    kinds = [kind for kind, _ in HOSTILE] + ["good"]
    weights = [weight for _, weight in HOSTILE]
    chosen = rng.choices(kinds, [*weights, 1000 - sum(weights)], k=count)
    sent: list[Sent] = []
    repeatable: list[Sent] = []
    of_visitors: defaultdict[int, list[Sent]] = defaultdict(list)
    for n, kind in enumerate(chosen):
        visitor = n if n < visitors else _someone(rng, visitors)
        if kind == "repeated_late" and (older := of_visitors[visitor][:-STATE_REMEMBERS]):
            sent.append(replace(rng.choice(older), kind=kind))
            continue
        record = _record(rng, "good" if n < visitors else kind, visitor, n, partitions, repeatable)
        sent.append(record)
        if record.kind == "good":
            for kept, most in ((repeatable, 40), (of_visitors[visitor], QUEUE)):
                kept.append(record)
                del kept[:-most]
    return sent


def _someone(rng: random.Random, visitors: int) -> int:
    """A few visitors come often, most rarely."""
    return (
        min(int(rng.paretovariate(0.7)) - 1, visitors - 1) if rng.random() < 0.3 else rng.randrange(visitors)
    )


def _record(
    rng: random.Random, kind: str, visitor: int, n: int, partitions: int, repeatable: list[Sent]
) -> Sent:
    good = random_event(rng, f"a:fault-{visitor}", n)
    key = f"a:fault-{visitor}".encode()
    if kind in UNFIT:
        return UNFIT[kind](rng, key, good, partitions)
    if kind == "repeated" and repeatable:
        again = rng.choice(repeatable)
        return Sent(kind, again.key, again.value)
    if kind in TWISTS:
        return Sent(kind, key, orjson.dumps(orjson.loads(good) | TWISTS[kind](rng)))
    return Sent("good", key, good)


def _misplaced(rng: random.Random, key: bytes, good: bytes, partitions: int) -> Sent:
    wrong = (partition_of(key, partitions) + 1 + rng.randrange(partitions - 1)) % partitions
    return Sent("misplaced", key, good, wrong)


def _garbage(rng: random.Random, key: bytes, good: bytes, _: int) -> Sent:
    return Sent("garbage", key, rng.choice((b"", b"{", b"\xff\xfe", b"[1,2]", good[:-7], b"null")))


UNFIT: dict[str, Callable[[random.Random, bytes, bytes, int], Sent]] = {
    "garbage": _garbage,
    "tombstone": lambda _rng, key, _good, _n: Sent("tombstone", key, None),
    "oversized": lambda _rng, key, good, _n: Sent("oversized", key, good[:-1] + b" " * 33_000 + b"}"),
    "misplaced": _misplaced,
    "key_mismatch": lambda rng, _key, good, _n: Sent(
        "key_mismatch", rng.choice((None, b"a:somebody-else")), good
    ),
}
"""Records that belong in dead letters."""


def _late(rng: random.Random) -> dict[str, str]:
    back = timedelta(seconds=rng.choice((5, 600, 3 * 3600, 40 * 86_400)))
    return {"timestamp": (datetime.now(UTC) - back).isoformat()}


TWISTS: dict[str, Callable[[random.Random], dict[str, str]]] = {
    "late": _late,
    "year_1970": lambda _: {"timestamp": "1970-01-01T00:00:00Z"},
    "year_2099": lambda _: {"timestamp": "2099-12-31T23:59:59Z"},
    "unknown_name": lambda _: {"event": "held_to_the_light"},
}
"""Good events with something odd about them: applied all the same."""
