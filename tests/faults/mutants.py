"""Workers with one safeguard taken out, to see that the fault harness notices. Never imported by the product.

Each mutant replaces one injected part of a worker; ETALAGE_TEST_MUTANT names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from models.visitor.fold import fold_packed, split_window
from models.visitor.packing import pack, unpack
from models.visitor.state import EMPTY, EventRecord
from schemas.errors import Fenced, Regressed
from schemas.ids import hash64
from streams.runtime.settings import Settings
from streams.stores.keys import Keys
from streams.stores.namespace_meta import Meta
from streams.stores.protocols import SliceWrite, VisitorStore
from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.lua_script import script_text
from streams.stores.redis.visitors import RedisVisitors
from streams.workers.personalize.engine import Engine
from streams.workers.personalize.process import WorkerOverrides


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


def windowless() -> Mapping[str, str]:
    """States are written and their windows are not."""
    return {"write": _script_with("write", ("for at = windows, #KEYS do", "for at = windows, 0 do"))}


class WithScripts:
    """A store of a real worker, with another write script."""

    def __init__(self, scripts: Mapping[str, str]) -> None:
        self._scripts = scripts

    def __call__(
        self, connection: ReconnectingConnection, keys: Keys, meta: Meta, settings: Settings
    ) -> VisitorStore:
        return RedisVisitors(connection, keys, incarnation=meta.incarnation, scripts=self._scripts)


class AckFirst(Engine):
    """Says that chunks are done, and only then writes their states, one after the other."""

    async def _send(self, chunks: Sequence[Sequence[SliceWrite]]) -> dict[int, Fenced | Regressed]:
        refused = await super()._send([[_mark(of_chunk)] for of_chunk in chunks])
        for index, of_chunk in enumerate(chunks):
            last = of_chunk[-1]
            for one in [one for write in of_chunk for one in write.visitors]:
                state = replace(last, expect_done=last.done, expect_part=0, visitors=[one])
                if index not in refused and (why := await super()._send([[state]])):
                    refused[index] = why[0]
        return refused


def _mark(of_chunk: Sequence[SliceWrite]) -> SliceWrite:
    """The write that moves `done` behind the chunk, and nothing else."""
    first, last = of_chunk[0], of_chunk[-1]
    return replace(last, expect_done=first.expect_done, expect_part=first.expect_part, visitors=())


def forgetful_fold(packed: bytes, record: EventRecord) -> bytes:
    """A client's retry counts again."""
    state = unpack(packed) if packed else EMPTY
    message = hash64(record.event.message_id)
    if message in state.message_ids:
        others = tuple(each for each in state.message_ids if each != message)
        packed = pack(replace(state, message_ids=others))
    return fold_packed(packed, record)


def short_memory_fold(packed: bytes, record: EventRecord) -> bytes:
    """Only the newest message ids are known: a queue that an app sends again counts again."""
    state, _ = split_window(packed)
    after = fold_packed(packed, record)
    return packed if after is packed else split_window(fold_packed(state, record))[0] + split_window(after)[1]


MUTANTS: Mapping[str, WorkerOverrides] = {
    "no_fence": WorkerOverrides(store=WithScripts(unfenced())),
    "no_done_check": WorkerOverrides(store=WithScripts(unchecked())),
    "ack_before_write": WorkerOverrides(engine=AckFirst),
    "no_message_id": WorkerOverrides(fold=forgetful_fold),
    "no_window": WorkerOverrides(fold=short_memory_fold),
    "window_unwritten": WorkerOverrides(store=WithScripts(windowless())),
}
