"""Digests of decisions in random shops: answers, whether they are new, and who proposed or pinned each item.

What is decided changes on purpose only. Features are left out: the last bits of theirs are the machine's.
"""

from __future__ import annotations

from pathlib import Path

from models.policy.inspection.explain import explained_layout
from models.policy.layout_decision import LayoutDecision
from schemas.codec import encode
from tests.random_decisions import decisions_of, digest

FILE = Path(__file__).with_suffix(".txt")
SEEDS = range(13)


def digests() -> str:
    """One line a decision."""
    return "".join(f"{name} {_digest(decision)}\n" for seed in SEEDS for name, decision in decisions_of(seed))


def _digest(decision: LayoutDecision) -> str:
    slots = explained_layout(decision).slots
    whys = [
        (item.why.sources, item.why.pinned_by) for slot in slots for item in slot.module.items if item.why
    ]
    return digest(decision.head() + decision.body(), encode(whys), b"%d" % decision.changed)


def texts() -> dict[Path, str]:
    """What is to be recorded, by file."""
    return {FILE: digests()}
