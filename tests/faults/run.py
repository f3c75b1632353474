"""One fault run: traffic flows while things die; at the end every state equals the oracle's.

`python -m tests.faults.run --seed 7 --events 300000 --rounds 4` is the long form (`make soak`); the short
one is a test. Both print seed and history when they fail.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from schemas.ids import RecordId, VisitorId
from schemas.topics import DEAD_LETTERS, EVENTS
from streams.stores.provisioning import read_meta_sync
from tests.faults.feed import Feed
from tests.faults.hostile import traffic
from tests.faults.oracle import Truth, differences, done_offsets, fold_log, read_dead_letters, stored_states
from tests.faults.versions import VersionWatch
from tests.faults.world import PARTITIONS, World
from tests.stack import poll_until


class Plan(Struct, frozen=True, kw_only=True):
    """How long, how much, and which faults, in a seeded order."""

    seed: int
    events: int = 50_000
    visitors: int = 2_000
    rate: float = 900.0
    faults: tuple[str, ...] = ()
    mutant: str | None = None
    settle_s: float = 60.0


class FaultReport(Struct, kw_only=True):
    """What a run showed; `wrong` is empty when everything held. `checked` once the oracle was asked."""

    seed: int
    wrong: list[str]
    history: list[str]
    checked: bool = False
    records: int = 0
    buried: int = 0
    kills: int = 0
    version_reads: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        return "\n".join([f"seed {self.seed}", *self.wrong, "history:", *self.history])


def short_faults(seed: int, *, kills: int = 21) -> tuple[str, ...]:
    """Every kind of fault, kills between them, in a seeded order; the snapshot comes before its restore."""
    rng = random.Random(seed)
    rest = ["join", "leave", "join", "leave", "zombie", "kill_redis", "restart_kafka", "zombie"]
    order = ["kill_worker"] * kills + rest
    rng.shuffle(order)
    first, second = sorted(rng.sample(range(3, len(order)), 2))
    order.insert(second, "restore_redis")
    order.insert(first, "take_snapshot")
    return tuple(order)


def run(plan: Plan, folder: Path, namespace: str) -> FaultReport:
    """Play the plan; never raises for what the system did wrong, the report does."""
    began = time.monotonic()
    world = World(folder, namespace, plan.seed, mutant=plan.mutant)
    report = FaultReport(seed=plan.seed, wrong=[], history=world.history)
    try:
        _play(plan, world, report)
    except AssertionError as exc:
        report.wrong.append(str(exc))
    finally:
        report.kills, report.seconds = world.kills, time.monotonic() - began
        world.close()
    return report


def _play(plan: Plan, world: World, report: FaultReport) -> None:
    world.open()
    topic = EVENTS.full_name(world.stack.namespace)
    records = traffic(plan.seed, visitors=plan.visitors, count=plan.events, partitions=PARTITIONS)
    watched = [VisitorId(f"a:fault-{n}") for n in range(60)]
    world.watch = VersionWatch(world.redis.url, world.stack.namespace, watched, PARTITIONS)
    feed = Feed(world.kafka.address, topic, records, rate=plan.rate)
    feed.start()
    _hurt(world, plan.faults, seconds=plan.events / plan.rate)
    feed.join(180)
    _settle(world, topic, plan.settle_s)
    world.watch.close()
    _check_against_oracle(world, topic, report)


def _hurt(world: World, faults: Sequence[str], *, seconds: float) -> None:
    """The faults, spread evenly over the time of the traffic."""
    pause = seconds / (len(faults) + 1)
    due = time.monotonic() + pause
    for fault in faults:
        while time.monotonic() < due:
            world.tend()
            time.sleep(0.05)
        getattr(world, fault)()
        due = max(due + pause, time.monotonic() + pause / 2)


def _settle(world: World, topic: str, within_s: float) -> None:
    """Wait until `done` has reached the end of every partition."""
    ends = _ends(world.kafka.address, topic)

    def all_done() -> bool:
        world.tend()
        done = done_offsets(world.redis.url, world.stack.namespace, PARTITIONS)
        return all(d >= e for d, e in zip(done, ends, strict=True))

    world.note("traffic over, settling")
    poll_until(all_done, within_s=within_s, what="every partition done", every_s=0.25)
    world.note("settled")


def _ends(kafka: str, topic: str) -> list[int]:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "ends"})
    try:
        marks = [
            consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=20) for p in range(PARTITIONS)
        ]
        return [end for _, end in marks]
    finally:
        consumer.close()


def _check_against_oracle(world: World, topic: str, report: FaultReport) -> None:
    namespace = world.stack.namespace
    meta = read_meta_sync(world.redis.url, namespace)
    truth = fold_log(world.kafka.address, topic, PARTITIONS, meta.incarnation)
    report.records, report.buried = truth.records, len(truth.buried)
    report.wrong += differences(truth, stored_states(world.redis.url, namespace))
    report.wrong += _dead_letters(world, truth)
    assert world.watch is not None
    report.version_reads = world.watch.reads
    report.wrong += [f"version went backwards: {line}" for line in world.watch.backwards[:5]]
    report.checked = True


def _dead_letters(world: World, truth: Truth) -> list[str]:
    """Letters and log must name the same records (a crash may repeat a letter)."""
    topic = DEAD_LETTERS.full_name(world.stack.namespace)
    letters = read_dead_letters(world.kafka.address, topic)
    buried = {RecordId(letter.partition, letter.offset) for _, letter in letters}
    missing, extra = truth.buried - buried, buried - truth.buried
    wrong = [f"{len(missing)} records neither applied nor buried, e.g. {min(missing)}"] if missing else []
    return wrong + ([f"{len(extra)} good records buried, e.g. {min(extra)}"] if extra else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--rate", type=float, default=900.0)
    parser.add_argument("--rounds", type=int, default=6, help="how often the whole set of faults is played")
    args = parser.parse_args()
    faults = tuple(f for n in range(args.rounds) for f in short_faults(args.seed + n))
    plan = Plan(
        seed=args.seed, events=args.events, rate=args.rate, visitors=5_000, faults=faults, settle_s=180
    )
    with tempfile.TemporaryDirectory(prefix="etalage-soak-") as name:
        report = run(plan, Path(name), f"soak{args.seed % 10_000}")
    line = f"{report.records} records, {report.kills} kills, {report.buried} buried"
    sys.stdout.write(report.text() + f"\n{line}, {report.seconds:.0f} s\n")
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
