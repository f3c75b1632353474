"""Whole decisions, compiled as interpreted: answers, explanations and records, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

from tests.architecture.tree import ROOT
from tests.both_builds import compiled
from tests.random_decisions import TURNS, VISITORS, decisions_of, lines

SEEDS = range(int(os.environ.get("ETALAGE_TEST_SEEDS", "100")))
"""24 decisions each; those of tests.golden among them. `make soak` takes many more."""


def test_compiled_and_interpreted_decide_alike() -> None:
    compiled("models.policy.page_run")
    command = [sys.executable, "-m", "tests.random_decisions", str(SEEDS.start), str(len(SEEDS))]
    environment = os.environ | {"ETALAGE_COMPILED": "0"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as other:
        ours = list(lines(SEEDS))
        build, *theirs = other.communicate()[0].splitlines()
    assert build == "interpreted: ETALAGE_COMPILED=0"
    assert len(ours) == len(SEEDS) * TURNS * VISITORS
    assert [one for one, same in zip(ours, theirs, strict=True) if one != same] == []


def test_the_seeds_lead_to_all_there_is() -> None:
    """Else the builds would be compared in a corner only."""
    decided = [decision for seed in range(30) for _, decision in decisions_of(seed)]
    assert {decision.fills.provenance.reason for decision in decided} == {
        "ok", "cold_start", "consent", "model_missing",
    }  # fmt: skip
    assert {decision.request.page for decision in decided} == {
        "home",
        "category",
        "product",
        "cart",
        "search",
    }
    content = Counter((decision.changed, decision.request.previous is not None) for decision in decided)
    assert content[False, True] > 100 < content[True, True]
    assert content[False, False] == 0
    assert any(decision.request.previous and decision.request.previous.texts for decision in decided)
