"""Visitors in Redis, for workers: claims, loads, fenced writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from msgspec import Struct

from schemas.errors import Fenced, Regressed
from schemas.ids import VisitorId
from streams.stores.keys import Keys
from streams.stores.protocols import (
    CLAIM_PATIENCE_S,
    Claim,
    Loaded,
    SliceWrite,
    VisitorWrite,
    fresh_nonce,
)
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.lua_script import LuaScript, script_text
from streams.stores.redis.pipeline import Word


class Lifetimes(Struct, frozen=True):
    """How long a visitor who stays away is remembered, and how long a live layout, in seconds."""

    state_s: int = 120 * 86_400
    layout_s: int = 1800


class RedisVisitors:
    """The VisitorStore over a connection that its owner starts and stops.

    `scripts` may replace the text of `claim` or `write`: tests take safeguards out with it. An error reply
    that does not pass is a defect and leaves as CommandRefused.
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
        self._call = connection.call
        self._keys = keys
        self._incarnation = incarnation
        self._lifetimes = lifetimes or Lifetimes()
        self._load = LuaScript(self._call, script_text("load"))
        self._claim = LuaScript(self._call, texts.get("claim") or script_text("claim"))
        self._write = LuaScript(self._call, texts.get("write") or script_text("write"))

    async def claim(
        self, partition: int, owner: str, kafka_generation: int, *, nonce: str | None = None
    ) -> Claim:
        answer = await self._claim(
            [self._keys.own(partition)],
            [nonce or fresh_nonce(), owner, kafka_generation, self._incarnation, CLAIM_PATIENCE_S],
        )
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
        states = [self._keys.state(partition, visitor) for visitor in visitors]
        if not bodies:
            return [Loaded(state) for state in await self._call("MGET", *states)]
        layouts = [self._keys.layout(partition, visitor) for visitor in visitors]
        values = await self._load([key for pair in zip(states, layouts, strict=True) for key in pair])
        return [Loaded(state, body) for state, body in zip(values[::2], values[1::2], strict=True)]

    async def write(self, part: SliceWrite) -> None:
        keys, arguments = self._pack(part)
        answer = await self._write(keys, arguments)
        match answer:
            case [b"OK", *_]:
                return
            case [b"REGRESSED", int(done), *_]:
                raise Regressed(
                    f"partition {part.partition}: Redis stands at {done}, expected {part.expect_done}",
                    done=None if done < 0 else done,
                )
            case _:
                raise Fenced(f"partition {part.partition}: another owner has it")

    def _pack(self, part: SliceWrite) -> tuple[list[str], list[Word]]:
        """Keys and arguments of write.lua."""
        keys = [self._keys.own(part.partition)]
        arguments: list[Word] = [
            part.epoch, _number(part.expect_done), part.expect_part, _number(part.done), part.part,
            self._lifetimes.state_s, self._lifetimes.layout_s,
            self._keys.channel(part.partition), notice_payload(part),
        ]  # fmt: skip
        state_prefix = self._keys.state(part.partition, VisitorId(""))
        layout_prefix = self._keys.layout(part.partition, VisitorId(""))
        for one in part.visitors:
            keys += (state_prefix + one.visitor, layout_prefix + one.visitor)
            arguments += (one.state, layout_action(one), one.head or b"", one.body or b"")
        return keys, arguments


def layout_action(one: VisitorWrite) -> bytes:
    """What write.lua does with the layout: w(rite), h(ead), d(rop), k(eep)."""
    if one.body is not None and one.head is not None:
        return b"w"
    if one.head is not None:
        return b"h"
    return b"d" if one.drop_layout else b"k"


def notice_payload(part: SliceWrite) -> bytes:
    """JSON [[visitor, layout changed (0 or 1), version, *times], …]; empty when nothing is to be sent."""
    if not part.notify or not part.visitors:
        return b""
    return orjson.dumps(
        [(v.visitor, int(v.body is not None or v.drop_layout), v.version, *part.times) for v in part.visitors]
    )


def _number(done: int | None) -> int:
    return -1 if done is None else done
