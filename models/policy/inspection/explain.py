"""Explanations: for each item of a page its score, the sources that proposed it, its features and its pin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar, cast

import numpy as np
import orjson
from msgspec import Raw, Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from models.candidates.generation import Candidates
from models.candidates.sources import sources_of
from models.features.spec import FINGERPRINT, NAMES
from models.layout.rendering.answer import NO_VERSION, layout_bytes
from models.policy.layout_decision import LayoutDecision, no_evidence
from models.storefront.rules import page_rules
from schemas.codec import encode
from schemas.decisions import DecidedItem, DecidedSlot, Decision
from schemas.ids import ItemId
from schemas.layouts import Layout, LayoutItem, Why

T = TypeVar("T")
DECIMALS = 4
"""Decimals of scores and features in records and explanations."""


class Explainer(Struct, frozen=True, eq=False):
    """Scores and features of a page's candidates, found by item row.

    Attributes:
        candidates: Their rows, m of them.
        scores: float32[m].
        features: float32[m, len(SPEC)].
    """

    candidates: Candidates
    scores: NDArray[np.float32]
    features: NDArray[np.float32]

    def find(self, rows: Sequence[int]) -> list[int]:
        """The index of each row among the candidates; -1 for what was not scored (a pin, a spare item)."""
        scored, wanted = self.candidates.rows, np.array(rows, np.int32)
        indices = scored.searchsorted(wanted)
        there = indices < len(scored)
        there[there] = scored[indices[there]] == wanted[there]
        indices[~there] = -1
        found: list[int] = indices.tolist()
        return found

    def scores_of(self, indices: Sequence[int]) -> list[float]:
        """The rounded score at each index from `find`; 0 for -1."""
        values = iter(_round_values(self.scores, indices).tolist())
        return [next(values) if index >= 0 else 0.0 for index in indices]

    def features_of(self, indices: Sequence[int]) -> list[list[float]]:
        """All features, rounded, at each index from `find`; none for -1."""
        values = iter(_round_values(self.features, indices).tolist())
        return [next(values) if index >= 0 else [] for index in indices]

    def features_json(self, indices: Sequence[int]) -> list[Raw]:
        """The same as JSON, written without a Python object for each number."""
        text = orjson.dumps(_round_values(self.features, indices), option=orjson.OPT_SERIALIZE_NUMPY)
        values = iter(text[2:-2].split(b"],["))
        return [Raw(b"[%b]" % next(values)) if index >= 0 else Raw(b"[]") for index in indices]

    def explain(self, rows: Sequence[int]) -> list[Why]:
        """Score, sources and all features of each row; empty for one that was not scored."""
        indices = self.find(rows)
        masks = self.candidates.sources
        return [
            Why(
                score=score,
                sources=sources_of(int(masks[index])),
                features=dict(zip(NAMES, values, strict=True)),
            )
            if index >= 0
            else Why(score=0.0, sources=[], features={})
            for index, score, values in zip(
                indices, self.scores_of(indices), self.features_of(indices), strict=True
            )
        ]


def _round_values(column: NDArray[np.float32], indices: Sequence[int]) -> NDArray[np.float64]:
    """The values at the indices that are not -1, rounded to DECIMALS."""
    return column[[index for index in indices if index >= 0]].astype(np.float64).round(DECIMALS)


def explained_layout(decision: LayoutDecision) -> Layout:
    """The layout of a decision with a `why` on each item: its features as computed, and its score."""
    explainer = explainer_of(decision)
    rules = page_rules(decision.shop.view.rules, decision.request.page, decision.at)
    pinned = {pin.row: pin.rule for pins in rules.pins.values() for pin in pins}
    layout, slots = decision.layout, []
    whys = _of_each_slot(decision, explainer.explain)
    for slot, fill, own in zip(layout.slots, decision.assembled, whys, strict=True):
        items = [
            LayoutItem(id=item.id, index=item.index, why=_with_pin(why, pinned.get(row)))
            for item, row, why in zip(slot.module.items, fill.rows, own, strict=True)
        ]
        slots.append(replace(slot, module=replace(slot.module, items=items)))
    return replace(layout, slots=slots)


def _of_each_slot(decision: LayoutDecision, describe: Callable[[list[int]], list[T]]) -> list[list[T]]:
    """What `describe` gives for the item rows of each slot; it is called once, with those of all slots."""
    fills = decision.assembled
    described = iter(describe([row for fill in fills for row in fill.rows]))
    return [list(islice(described, len(fill.rows))) for fill in fills]


def _with_pin(why: Why, rule: str | None) -> Why:
    return why if rule is None else replace(why, pinned_by=rule)


def explained_answer(decision: LayoutDecision) -> bytes:
    """The whole answer as JSON, with explanations (`explain=1`)."""
    return layout_bytes(explained_layout(decision))


def decision_record(decision: LayoutDecision) -> bytes:
    """The record of a decision for `decisions.v1`, a `Decision` as JSON: its items with scores and features.

    Features are in the order of NAMES and rounded to DECIMALS; an item that was not scored has none.

    Complexity: O(items shown · len(SPEC)).
    """
    request, provenance = decision.request, decision.fills.provenance
    slots = decision.shop.storefront.pages[request.page].slots
    items = _of_each_slot(decision, lambda rows: _item_records(decision, rows))
    record = Decision(
        layout_id=decision.fills.layout_id,
        visitor_id=request.visitor,
        page=request.page,
        version=request.version.text() if request.version else NO_VERSION,
        at=datetime.fromtimestamp(decision.at, UTC),
        mode=provenance.mode,
        reason=provenance.reason,
        model=decision.model,
        fingerprint=FINGERPRINT,
        slots=[
            DecidedSlot(
                slot=slots[fill.slot].id,
                module=decision.shop.storefront.modules[fill.module].id,
                decision_id=f"{decision.fills.layout_id}/{slots[fill.slot].id}",
                propensity=1.0,
                items=own,
            )
            for fill, own in zip(decision.assembled, items, strict=True)
        ],
    )
    return encode(record)


def explainer_of(decision: LayoutDecision) -> Explainer:
    """The explainer of a decision whose request asked for its evidence (`explained`)."""
    evidence = decision.evidence or no_evidence()
    return Explainer(evidence.candidates, evidence.scores, evidence.features)


def _item_records(decision: LayoutDecision, rows: Sequence[int]) -> list[DecidedItem]:
    """The records of items, in order."""
    explainer, ids = explainer_of(decision), decision.shop.items.ids
    indices = explainer.find(rows)
    return [
        DecidedItem(id=ItemId(ids[row]), score=score, features=cast("list[float]", values))  # only written
        for row, score, values in zip(
            rows, explainer.scores_of(indices), explainer.features_json(indices), strict=True
        )
    ]
