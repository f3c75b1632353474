"""Visitors in Redis, for workers: claims, loads, fenced writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha1

import orjson
from msgspec import Struct, json

from schemas.errors import Fenced, QuarantineFull, Regressed, ServiceMissing, StoreUnavailable
from schemas.ids import VisitorId
from streams.stores.keys import Keys
from streams.stores.progress import ProgressReport
from streams.stores.protocols import (
    BODY_BYTES_MAX,
    CLAIM_PATIENCE_S,
    QUARANTINE_MAX,
    STATE_BYTES_MAX,
    WINDOW_BYTES_MAX,
    Claim,
    Loaded,
    Quarantined,
    SliceWrite,
    VisitorWrite,
    WriteOutcome,
    fresh_nonce,
)
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.lua_script import KeysAndArguments, LuaScript, script_text
from streams.stores.redis.pipeline import CommandRefused, RedisArgument, Reply, raise_error

CLOCK_SLACK_MS = 200
"""What a report may take on its way."""
SPOILED_OWN = ("WRONGTYPE", "attempt to")
"""What the claim script's error says of a key of another type, and of fields that are not ours."""


class Lifetimes(Struct, frozen=True):
    """Redis TTLs in seconds, renewed by each write; of a window, by each that writes it whole.

    Whether a window is there still may only change what nobody reads: records that may need it come within
    three hours of the first of its ids, and stay in the log for a week.
    """

    state_s: int = 120 * 86_400
    layout_s: int = 1800
    window_s: int = 8 * 86_400


class RedisVisitors:
    """The VisitorStore over a connection that its owner starts and stops.

    Methods are documented at `VisitorStore`. An error reply that retrying would not cure is raised as
    CommandRefused. `scripts` may replace the text of `claim` or `write`: tests take safeguards out with it.
    """

    def __init__(
        self,
        connection: ReconnectingConnection,
        keys: Keys,
        *,
        incarnation: int,
        lifetimes: Lifetimes | None = None,
        scripts: Mapping[str, str] | None = None,
    ) -> None:
        texts = scripts or {}
        self._keys = keys
        self._incarnation = incarnation
        self._lifetimes = lifetimes or Lifetimes()
        self._load = LuaScript(connection, script_text("load"))
        self._claim = LuaScript(connection, texts.get("claim") or script_text("claim"))
        self._write = LuaScript(connection, texts.get("write") or script_text("write"))
        self._report = LuaScript(connection, script_text("report"))
        self._told_at: tuple[int, float] | None = None
        self._quarantine = LuaScript(connection, script_text("quarantine"))

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        key = self._keys.own(partition)
        try:
            answer = await self._claim(
                [key], [nonce or fresh_nonce(), owner, kafka_generation, self._incarnation, CLAIM_PATIENCE_S]
            )
        except CommandRefused as exc:
            if not any(sign in str(exc) for sign in SPOILED_OWN):
                raise
            # It is all visitors' key: to go on without it would be a guess.
            raise ServiceMissing(
                f"Redis key {key} does not hold what Etalage keeps there ({exc}): `redis-cli DEL {key}` lets "
                f"partition {partition} be read again from the log's start, where states skip what they have"
            ) from exc
        match answer:
            case [b"OK", bytes(epoch), int(done)]:
                return Claim(epoch=epoch.decode(), done=None if done < 0 else done)
            case _:
                raise Fenced(f"partition {partition}: a newer Kafka generation claimed it")

    async def load(
        self, partition: int, visitors: Sequence[VisitorId], *, bodies: bool = True
    ) -> list[Loaded]:
        if not visitors:
            return []
        kinds = [self._keys.state, self._keys.window, self._keys.layout][: 2 + bodies]
        keys = [key_of(partition, visitor) for visitor in visitors for key_of in kinds]
        each = len(kinds)
        values = await self._load(keys, (each, STATE_BYTES_MAX, WINDOW_BYTES_MAX, BODY_BYTES_MAX))
        return [_make_loaded(*values[at : at + each]) for at in range(0, len(values), each)]

    async def quarantine(
        self, partition: int, epoch: str, visitor: VisitorId, seen: bytes | None, *, window: bool = False,
        nonce: str | None = None,
    ) -> Quarantined | None:  # fmt: skip
        keys, nonce = self._keys, nonce or fresh_nonce()
        places = [keys.state(partition, visitor), keys.window(partition, visitor)]
        answer = await self._quarantine(
            [
                keys.own(partition), places[window],
                keys.quarantined_state(partition, visitor, nonce), keys.quarantine(partition), places[1],
            ],
            [
                epoch, "" if seen is None else sha1(seen, usedforsecurity=False).hexdigest(),
                WINDOW_BYTES_MAX if window else STATE_BYTES_MAX, QUARANTINE_MAX, self._lifetimes.state_s,
                visitor, partition, "window" if window else "state",
            ],
        )  # fmt: skip
        match answer:
            case [b"OK", bytes(entry)]:
                return json.decode(entry, type=Quarantined)
            case [b"OTHER"]:
                return None
            case [b"FULL"]:
                raise QuarantineFull(f"partition {partition} has {QUARANTINE_MAX} states set aside")
            case _:
                raise _loss(partition, answer)

    async def write(self, write: SliceWrite) -> None:
        outcome = (await self.write_all([write]))[0]
        if outcome is not None:
            raise outcome

    async def write_all(self, writes: Sequence[SliceWrite]) -> list[WriteOutcome]:
        replies = await self._write.run_all([self._pack(write) for write in writes])
        return [_outcome(write, reply) for write, reply in zip(writes, replies, strict=True)]

    async def report(self, reports: Sequence[ProgressReport]) -> None:
        latest_ms = self._redis_ms()
        calls: list[KeysAndArguments] = [
            (
                [self._keys.own(one.partition)],
                [one.epoch, _number(one.done), round(one.behind_s * 1000), latest_ms],
            )
            for one in reports
        ]
        for reply in await self._report.run_all(calls):
            self._told_at = int(raise_error(reply)[1]), asyncio.get_running_loop().time()

    def _redis_ms(self) -> int:
        """The latest that Redis' clock may show now; -1 before it has told its time once."""
        if self._told_at is None:
            return -1
        told_ms, at = self._told_at
        return told_ms + round((asyncio.get_running_loop().time() - at) * 1000) + CLOCK_SLACK_MS

    def _pack(self, write: SliceWrite) -> tuple[list[str], list[RedisArgument]]:
        """Keys and arguments of write.lua."""
        keys = [self._keys.own(write.partition)]
        last_done, last_part = write.last or (write.done, write.part)
        arguments: list[RedisArgument] = [
            write.epoch, _number(write.expect_done), write.expect_part, _number(write.done), write.part,
            self._lifetimes.state_s, self._lifetimes.layout_s,
            self._keys.channel(write.partition), notice_payload(write),
            _number(last_done), last_part, len(write.visitors), self._lifetimes.window_s,
        ]  # fmt: skip
        state_prefix = self._keys.state(write.partition, VisitorId(""))
        layout_prefix = self._keys.layout(write.partition, VisitorId(""))
        for one in write.visitors:
            keys += (state_prefix + one.visitor, layout_prefix + one.visitor)
            arguments += (one.state, layout_action(one), one.head or b"", one.body or b"")
        for window in write.windows:
            keys.append(self._keys.window(write.partition, window.visitor))
            arguments += (window.kept, window.added)
        return keys, arguments


def _outcome(write: SliceWrite, reply: Reply) -> WriteOutcome:
    """What a reply of write.lua says; raises CommandRefused."""
    if isinstance(reply, StoreUnavailable):
        return reply
    answer = raise_error(reply)
    return None if answer[0] == b"OK" else _loss(write.partition, answer)


def _loss(partition: int, answer: Reply) -> Fenced | Regressed:
    """Why a script did nothing: {'FENCED', …} or {'REGRESSED', done, …}."""
    match answer:
        case [b"REGRESSED", int(done), *_]:
            return Regressed(
                f"partition {partition}: Redis stands at {done}", done=None if done < 0 else done
            )
        case _:
            return Fenced(f"partition {partition}: another owner has it")


def _make_loaded(state: Reply, window: Reply, body: Reply = None) -> Loaded:
    """What load.lua says of a visitor; raises what is no matter of the visitor's keys."""
    values = {"state": state, "layout": body, "window": window}
    errors = {name: value for name, value in values.items() if isinstance(value, Exception)}
    if not errors:
        return Loaded(state, body, window=window)
    for error in errors.values():
        if not (isinstance(error, CommandRefused) and error.wrong_type):
            raise error
    state, body, window = (None if name in errors else value for name, value in values.items())
    return Loaded(state, body, tuple(errors), window)


def layout_action(one: VisitorWrite) -> bytes:
    """What write.lua does with the layout: w(rite) both, replace the h(ead) only, d(rop), k(eep)."""
    if one.body is not None and one.head is not None:
        return b"w"
    if one.head is not None:
        return b"h"
    return b"d" if one.drop_layout else b"k"


def notice_payload(write: SliceWrite) -> bytes:
    """JSON [[visitor, layout changed (0 or 1), version, *times], …]; empty when nothing is to be sent.

    `times` are when the chunk was taken, folded and ranked, in epoch milliseconds.
    """
    if not write.notify or not write.visitors:
        return b""
    return orjson.dumps(
        [
            (v.visitor, int(v.body is not None or v.drop_layout), v.version, *write.times)
            for v in write.visitors
        ]
    )


def _number(done: int | None) -> int:
    return -1 if done is None else done
