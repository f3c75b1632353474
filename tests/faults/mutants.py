"""Workers with one safeguard taken out, to see that the fault harness notices. Never imported by the product.

Each mutant replaces one injected part of a worker; ETALAGE_TEST_MUTANT names it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

import msgspec

from models.visitor.fold import fold
from models.visitor.state import EventRecord, VisitorState
from schemas.ids import hash64
from streams.runtime.settings import Settings
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta
from streams.stores.protocols import VisitorStore
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.lua_script import script_text
from streams.stores.redis.visitors import RedisVisitors
from streams.workers.group.ownership import Holding
from streams.workers.personalize.engine import Engine
from streams.workers.personalize.process import WorkerOverrides
from streams.workers.personalize.slices import TouchedVisitor, build_write


def _script_with(name: str, *changes: tuple[str, str]) -> str:
    text = script_text(name)
    for old, new in changes:
        assert old in text, f"{name}.lua no longer says {old!r}: mend the mutant"
        text = text.replace(old, new, 1)
    return text


def unfenced() -> Mapping[str, str]:
    """Whoever claims or writes is let through: another's epoch, an older generation, a write of long ago."""
    return {
        "claim": _script_with("claim", ("return {'FENCED'}", "")),
        "write": _script_with(
            "write",
            ("  return {'FENCED', done, part}\nend", "end"),
            ("  return {'FENCED', done, part} -- a write of long ago, carried out late\n", ""),
        ),
    }


def unchecked() -> Mapping[str, str]:
    """A store that went back is written on as if nothing was lost."""
    return {
        "write": _script_with(
            "write", ("if done ~= expect_done or part ~= expect_part then", "if false then")
        )
    }


class WithScripts:
    """A store of a real worker, with another write script."""

    def __init__(self, scripts: Mapping[str, str]) -> None:
        self._scripts = scripts

    def __call__(
        self, connection: ReconnectingConnection, keys: Keys, meta: Meta, settings: Settings
    ) -> VisitorStore:
        return RedisVisitors(connection, keys, incarnation=meta.incarnation, scripts=self._scripts)


class AckFirst(Engine):
    """Says that the chunk is done, and only then writes its states."""

    async def _write_slices(
        self, holding: Holding, touched: list[TouchedVisitor], end: int, times: tuple[float, ...]
    ) -> Awaitable[None] | None:
        await self._write(holding, build_write(holding, [], [], end), [], [])
        for one in touched:
            await self._write(holding, build_write(holding, [one], [None], None), [one], [None])
        return None


def forgetful_fold(state: VisitorState, record: EventRecord) -> VisitorState:
    """A client's retry counts again."""
    message = hash64(record.event.message_id)
    if message in state.message_ids:
        others = tuple(each for each in state.message_ids if each != message)
        state = msgspec.structs.replace(state, message_ids=others)
    return fold(state, record)


MUTANTS: Mapping[str, WorkerOverrides] = {
    "no_fence": WorkerOverrides(store=WithScripts(unfenced())),
    "no_done_check": WorkerOverrides(store=WithScripts(unchecked())),
    "ack_before_write": WorkerOverrides(engine=AckFirst),
    "no_message_id": WorkerOverrides(fold=forgetful_fold),
}
