"""What must hold in `interleavings`: after each step, and at the end against the pure fold of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from models.visitor.fold import fold
from models.visitor.packing import pack, version_of
from models.visitor.state import EMPTY, VisitorState
from schemas.ids import VisitorId
from streams.stores.memory import MemoryStore
from streams.workers.personalize.decoding import decode_chunk
from tests.properties.doors import Raw
from tests.properties.worker import EVENTS_TOPIC, Worker
from tests.windows import is_fold

Truth = tuple[dict[VisitorId, VisitorState], set[int]]
"""States and buried offsets of one partition."""


class Broken(AssertionError):
    """An invariant does not hold."""


class Observed(Protocol):
    """What is looked at of a world."""

    logs: Sequence[Sequence[Raw]]
    store: MemoryStore
    truth: list[Truth]
    buried: set[tuple[int, int]]
    alive: dict[int, Worker]
    reached: list[int]
    """The largest `done` of each partition that the store ever had."""
    seen: dict[tuple[int, VisitorId], int]
    """The offset of each state at the last look, since the store forgot last."""
    history: list[str]


def check(world: Observed) -> None:
    """Versions never go backwards while the store forgets nothing; `done` passes nothing unburied."""
    for key, packed in world.store.contents.states.items():
        offset = version_of(packed, key[0]).offset
        if offset < world.seen.get(key, -1):
            raise Broken(f"{key} went back from {world.seen[key]} to {offset}: {world.history}")
        world.seen[key] = offset
    for partition, own in world.store.contents.own.items():
        world.reached[partition] = max(world.reached[partition], own.done)
        passed = {(partition, offset) for offset in world.truth[partition][1] if offset < own.done}
        if not passed <= world.buried:
            raise Broken(f"{passed - world.buried} done before they were buried: {world.history}")
    for worker in world.alive.values():
        _check_ends(world, worker)


def _check_ends(world: Observed, worker: Worker) -> None:
    """A chunk ends once, and is acknowledged when it is written."""
    for chunk in worker.acked:
        if chunk.end > world.reached[chunk.partition]:
            raise Broken(f"{chunk.partition}/{chunk.end} was acknowledged unwritten: {world.history}")
    worker.acked.clear()
    for one in worker.delivered:
        if one.outcome not in ("", "acked", "forgotten"):
            raise Broken(f"a chunk was {one.outcome}: {world.history}")


def compare(world: Observed) -> None:
    """The store against the pure fold of the log."""
    states = {(p, v): state for p, (truth, _) in enumerate(world.truth) for v, state in truth.items()}
    if wrong := _differing(world, states):
        raise Broken(f"states of {wrong} are not the fold of the log: {world.history}")
    bad = {(p, offset) for p, (_, offsets) in enumerate(world.truth) for offset in offsets}
    if world.buried != bad:
        raise Broken(f"buried {world.buried}, should be {bad}: {world.history}")
    for partition, log in enumerate(world.logs):
        if log and world.store.contents.own[partition].done != len(log):
            raise Broken(f"log {partition} was not read to its end: {world.history}")
    for key, (head, _body) in world.store.contents.layouts.items():
        if head != f"7.{key[0]}.{states[key].offset}".encode():
            raise Broken(f"the layout of {key} is of {head!r}: {world.history}")


def _differing(
    world: Observed, states: dict[tuple[int, VisitorId], VisitorState]
) -> set[tuple[int, VisitorId]]:
    stored, windows = world.store.contents.states, world.store.contents.windows
    newest = [max((raw.timestamp / 1000 for raw in log), default=0.0) for log in world.logs]
    differ = {
        key
        for key, state in states.items()
        if not is_fold(pack(state), stored.get(key), windows.get(key), newest[key[0]])
    }
    return differ | {*stored, *windows} - set(states)


def oracle(partition: int, log: Sequence[Raw]) -> Truth:
    """States and buried offsets that the log of a partition alone says."""
    decoded = decode_chunk(EVENTS_TOPIC, partition, log)
    states = {}
    for visitor, records in decoded.by_visitor.items():
        state = EMPTY
        for record in records:
            state = fold(state, record)
        states[visitor] = state
    return states, {letter.offset for letter in decoded.letters}
