"""Explanations: for each item of a page its score, the sources that proposed it, its features and its pin."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from models.candidates.generation import Candidates
from models.candidates.sources import sources_of
from models.features.spec import FINGERPRINT, NAMES
from models.layout.fills.fill import Fill
from models.layout.rendering.answer import NO_VERSION, layout_bytes
from models.policy.layout_decision import LayoutDecision, no_evidence
from models.storefront.rules import page_rules
from schemas.decisions import DecidedItem, DecidedSlot, Decision
from schemas.ids import ItemId
from schemas.layouts import Layout, LayoutItem, Why

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

    def find(self, row: int) -> int:
        """The index of a row among the candidates; -1 for one that was not scored (a pin, a spare item)."""
        rows = self.candidates.rows
        index = int(rows.searchsorted(row))
        return index if index < len(rows) and rows[index] == row else -1

    def score(self, index: int) -> float:
        """The rounded score at an index from `find`; 0 for -1."""
        return round(float(self.scores[index]), DECIMALS) if index >= 0 else 0.0

    def why(self, row: int, pinned_by: str | None = None) -> Why:
        """Score, sources and all features of a row; empty when it was not scored.

        Args:
            row: An item row.
            pinned_by: The id of the rule that pins it.
        """
        index = self.find(row)
        if index < 0:
            return Why(score=0.0, sources=[], features={}, pinned_by=pinned_by)
        values = self.features[index].astype(np.float64).round(DECIMALS).tolist()
        return Why(
            score=self.score(index),
            sources=sources_of(int(self.candidates.sources[index])),
            features=dict(zip(NAMES, values, strict=True)),
            pinned_by=pinned_by,
        )


def explained_layout(decision: LayoutDecision) -> Layout:
    """The layout of a decision with a `why` on each item: its features as computed, and its score."""
    explainer = explainer_of(decision)
    rules = page_rules(decision.shop.view.rules, decision.request.page, decision.at)
    pinned = {pin.row: pin.rule for pins in rules.pins.values() for pin in pins}
    layout = decision.layout
    slots = []
    for slot, fill in zip(layout.slots, decision.assembled, strict=True):
        items = [
            LayoutItem(id=item.id, index=item.index, why=explainer.why(row, pinned.get(row)))
            for item, row in zip(slot.module.items, fill.rows, strict=True)
        ]
        slots.append(replace(slot, module=replace(slot.module, items=items)))
    return replace(layout, slots=slots)


def explained_answer(decision: LayoutDecision) -> bytes:
    """The whole answer as JSON, with explanations (`explain=1`)."""
    return layout_bytes(explained_layout(decision))


def decision_record(decision: LayoutDecision) -> Decision:
    """The record of a decision for `decisions.v1`: per slot the items with their scores and features.

    Features are in the order of NAMES and rounded to DECIMALS; an item that was not scored has none.

    Complexity: O(items shown · len(SPEC)); as much work as the decision itself (DESIGN, decision 9).
    """
    request, provenance = decision.request, decision.fills.provenance
    explainer = explainer_of(decision)
    slots = decision.shop.storefront.pages[request.page].slots
    return Decision(
        layout_id=decision.fills.layout_id,
        visitor_id=request.visitor,
        page=request.page,
        version=request.version.text() if request.version else NO_VERSION,
        at=datetime.fromtimestamp(decision.at, UTC),
        mode=provenance.mode,
        reason=provenance.reason,
        model=decision.model,
        fingerprint=FINGERPRINT,
        slots=[_slot_record(decision, explainer, slots[fill.slot].id, fill) for fill in decision.assembled],
    )


def explainer_of(decision: LayoutDecision) -> Explainer:
    """The explainer of a decision whose request asked for its evidence (`explained`)."""
    evidence = decision.evidence or no_evidence()
    return Explainer(evidence.candidates, evidence.scores, evidence.features)


def _slot_record(decision: LayoutDecision, explainer: Explainer, slot: str, fill: Fill) -> DecidedSlot:
    indices = [explainer.find(row) for row in fill.rows]
    features = explainer.features[[index for index in indices if index >= 0]].astype(np.float64)
    values = iter(features.round(DECIMALS).tolist())
    ids = decision.shop.items.ids
    return DecidedSlot(
        slot=slot,
        module=decision.shop.storefront.modules[fill.module].id,
        decision_id=f"{decision.fills.layout_id}/{slot}",
        propensity=1.0,
        items=[
            DecidedItem(
                id=ItemId(ids[row]),
                score=explainer.score(index),
                features=next(values) if index >= 0 else [],
            )
            for row, index in zip(fill.rows, indices, strict=True)
        ],
    )
