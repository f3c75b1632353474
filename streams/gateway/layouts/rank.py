"""`POST /v1/rank`: the items of a request in the order this visitor would like them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from models.policy.rerank import Ranked, rank
from models.policy.snapshot import Snapshot
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId, VisitorId
from schemas.layouts import Mode, ModelTag, Reason, Why
from streams.gateway.access.callers import authorise
from streams.gateway.events.partition_map import PartitionMap
from streams.gateway.http.asgi_io import Receive, Scope, Send, read_body, send_bytes
from streams.gateway.http.limits.admission import Overloaded
from streams.gateway.http.limits.prices import price_of_body, price_of_ranking
from streams.gateway.http.limits.request_limits import RequestLimits
from streams.gateway.http.limits.shared_loop import SharedLoop
from streams.gateway.http.parameters import (
    DEADLINE_MS,
    DEADLINE_MS_MAX,
    DEADLINE_MS_MIN,
    VISITOR_PATTERN,
    refuse_parameters,
)
from streams.gateway.http.problems import Problem, error_field
from streams.gateway.layouts.read_your_writes import state_version
from streams.gateway.layouts.store_reads import ReadFailed, StoreReads
from streams.runtime.clock import Clock
from streams.shop.policy_thread import PolicyThread

ROUTE = "/v1/rank"
BYTES_MAX = 256 * 1024
ITEMS_MAX = 1000
TURN_WITHIN_S = 0.25
"""How long a list waits for its turn at least, also past its deadline: late is better than 503."""

REFUSED_AFTER_S = 0.25
"""How long a refusal is held: clients that ask again at once would leave no time for those who are served."""

OVERLOADED = "too many requests are being ranked and decided"

BOT: Reason = "bot"
MISSING: frozenset[Reason] = frozenset({"redis_timeout", "redis_down", "budget", BOT})
"""Why an answer lacks the visitor's state or the ranker: it is not labelled late on top of that."""

EXPLAINED_AT_ONCE = 32
"""Items explained in one turn at the loop: about half a millisecond."""


class RankRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which items, for whom, on what kind of page."""

    visitor: Annotated[str, Meta(pattern=VISITOR_PATTERN)]
    items: Annotated[
        list[str], Meta(min_length=1, max_length=ITEMS_MAX, extra_json_schema={"uniqueItems": True})
    ]
    explain: bool = False
    deadline_ms: Annotated[float, Meta(ge=DEADLINE_MS_MIN, le=DEADLINE_MS_MAX)] = DEADLINE_MS


class RankedItem(Struct, frozen=True, omit_defaults=True, gc=False):
    """Ids this shop does not know come last, with the lowest score, in the order given."""

    id: str
    score: float
    why: Why | None = None


class RankAnswer(Struct, frozen=True, kw_only=True):
    """All items asked for, best first. `version` is empty for a visitor we do not know.

    `unknown` names the items that this shop does not know; they stand last in `items` too. `behind_ms` is how
    far the visitor's partition is behind the log, at most; null when nobody knows.
    """

    visitor_id: str
    version: str
    mode: Mode
    reason: Reason
    model: ModelTag
    items: list[RankedItem]
    unknown: list[ItemId]
    behind_ms: int | None


_decode = msgspec.json.Decoder(RankRequest).decode
_NO_ITEMS = b'"items":[]'
"""Stands once in an answer without items: inside a JSON string the quotes would be escaped."""


class RankDependencies(Struct, frozen=True, kw_only=True):
    """What the route needs of its process."""

    reads: StoreReads
    partition_map: PartitionMap
    snapshot: Callable[[], Snapshot]
    clock: Clock
    policy_thread: PolicyThread
    shared_loop: SharedLoop
    limits: RequestLimits


class RankRoute:
    """Never waits past the request's deadline: without a state the order is that of everybody, and without
    the ranker's scores that of the understudy.

    Ranking and explaining take turns at the event loop with the decisions for other requests; 503 when too
    many wait for one, or it does not come soon. In an overload it is refused before its body is decoded.
    """

    def __init__(self, dependencies: RankDependencies) -> None:
        self._reads, self._partition_map = dependencies.reads, dependencies.partition_map
        self._snapshot, self._clock = dependencies.snapshot, dependencies.clock
        self._policy_thread = dependencies.policy_thread
        self._admission = dependencies.shared_loop.admission
        self._turns = dependencies.shared_loop.turns
        self._limits = dependencies.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = asyncio.get_running_loop().time()
        refuse_parameters(scope["query_string"])
        body = await read_body(scope, receive, BYTES_MAX)
        turn_until = asyncio.get_running_loop().time() + TURN_WITHIN_S
        try:
            async with self._admission.hold("rank", price_of_body(len(body)), turn_until):
                request = self._decode_and_charge(scope, body)
                machine = self._limits.is_machine(scope, request.visitor)
                answer = None if request.explain else await self._answer(request, started, machine)
            if answer is None:  # it is known only now that it costs more, and is the first to be left out
                price = price_of_ranking(len(request.items), explain=True)
                async with self._admission.hold("explain", price, turn_until):
                    answer = await self._answer(request, started, machine)
        except Overloaded:
            await asyncio.sleep(REFUSED_AFTER_S)
            raise Problem(503, OVERLOADED, headers={"retry-after": "1"}) from None
        await send_bytes(send, answer)

    def _decode_and_charge(self, scope: Scope, body: bytes) -> RankRequest:
        """Raises Problem for a body or a visitor that is wrong, and for who asks too much."""
        request = _decode_request(body)
        visitor = VisitorId(request.visitor)
        authorise(scope, visitor)
        self._limits.charge(scope, price_of_ranking(len(request.items), explain=request.explain), visitor)
        return request

    async def _answer(self, request: RankRequest, started: float, machine: bool) -> bytes:
        """Of a request that is admitted; Overloaded when it gets no turn. A machine gets the order for all."""
        visitor, until = VisitorId(request.visitor), started + request.deadline_ms / 1000
        partition = self._partition_map.partition_of(visitor)
        state, version, reason = (
            (b"", "", BOT) if machine else await self._read_state(partition, visitor, until)
        )
        await self._turns.take(max(until, started + TURN_WITHIN_S))
        ranked, late = await self._rank(request, state, until)
        ranked_answer = self._label(_answer(request, ranked, version, reason or late), partition)
        answer = msgspec.json.encode(ranked_answer)
        return await self._explain(answer, ranked) if request.explain else answer

    def _label(self, answer: RankAnswer, partition: int) -> RankAnswer:
        """With `behind_ms`; labelled `stale` when the partition of the state that it is ranked by is."""
        behind_s = self._reads.progress.behind_s(partition)
        answer = replace(answer, behind_ms=None if behind_s is None else int(behind_s * 1000))
        if answer.reason not in MISSING and self._reads.progress.is_stale(partition):
            return replace(answer, mode="stale", reason="stream_stale")
        return answer

    async def _read_state(
        self, partition: int, visitor: VisitorId, until: float
    ) -> tuple[bytes, str, Reason | None]:
        """Packed state and version, with the reason why they are not the visitor's own (None: they are)."""
        try:
            packed = await self._reads.read_known_state(partition, visitor, until)
        except ReadFailed as exc:
            return b"", "", exc.reason
        if packed is None:
            return b"", "", None
        version = state_version(packed, partition)
        return (packed, version.text(), None) if version else (b"", "", "model_failed")

    async def _rank(self, request: RankRequest, state: bytes, until: float) -> tuple[Ranked, Reason | None]:
        """The order, with the reason why the ranker has no part in it (None: it is as good as can be)."""
        snapshot, at = self._snapshot(), self._clock.now()

        def run(by: Snapshot) -> Ranked:
            return rank(by, state, request.items, at)

        try:
            return await self._policy_thread.run(snapshot.ranker, lambda: run(snapshot), until), None
        except TimeoutError:
            return run(replace(snapshot, rankers={})), "budget"

    async def _explain(self, answer: bytes, ranked: Ranked) -> bytes:
        """The answer with explanations: those of some items in each turn."""
        pieces = []
        for start in range(0, len(ranked.ids), EXPLAINED_AT_ONCE):
            await self._turns.take_another()
            pieces.append(msgspec.json.encode(_ranked_items(ranked, start, EXPLAINED_AT_ONCE))[1:-1])
        return answer.replace(_NO_ITEMS, b'"items":[%b]' % b",".join(pieces), 1)


def _answer(request: RankRequest, ranked: Ranked, version: str, reason: Reason | None) -> RankAnswer:
    """The answer, without the items when they are to be explained."""
    return RankAnswer(
        visitor_id=request.visitor,
        version=version,
        mode="popular" if reason else ranked.mode,
        reason=reason or ranked.reason,
        model=ranked.model,
        items=[] if request.explain else list(map(RankedItem, ranked.ids, ranked.scores)),
        unknown=ranked.unknown,
        behind_ms=None,
    )


def _ranked_items(ranked: Ranked, start: int, count: int) -> list[RankedItem]:
    """Some of the items, with explanations."""
    end = start + count
    return list(map(RankedItem, ranked.ids[start:end], ranked.scores[start:end], ranked.explain(start, end)))


def _decode_request(body: bytes) -> RankRequest:
    try:
        request = _decode(body)
    except DECODE_ERRORS as exc:
        raise Problem(400, str(exc), field=error_field(str(exc))) from exc
    if len(set(request.items)) != len(request.items):
        raise Problem(400, "an item is named twice", field="$.items")
    return request
