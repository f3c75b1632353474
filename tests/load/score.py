"""CPU of a ranker's run by visitor, alone and in runs, of several artifacts in turn.

    python -m tests.load.score [FOLDER ...]

Each folder is an artifact; without one the packaged one is measured. `run` is onnxruntime alone, on
features that are clipped already; `score` is all that a decision pays.
"""

from __future__ import annotations

import argparse
import os
from random import Random
from statistics import median
from time import process_time

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from models.policy.decide import decide
from models.ranking.onnx import BASELINE, OnnxRanker, load_ranker
from tests.load.decide import AT, a_snapshot, before_and_after_view, requests_of

SIZES = (1, 10, 64)
CANDIDATES = 139


def some_features() -> NDArray[np.float32]:
    """Rows of simulated visitors, float32[rows, len(SPEC)], enough for the largest run."""
    random = Random(5)
    snapshot = a_snapshot(2000, random)
    visits = [before_and_after_view(snapshot.shop.items, random) for _ in range(max(SIZES) * 2)]
    requests = [replace(one, explained=True) for one in requests_of(snapshot, visits)]
    decided = decide(snapshot, requests, AT + 400)
    rows = np.concatenate([one.evidence.features for one in decided if one.evidence is not None])
    assert len(rows) >= max(SIZES) * CANDIDATES
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", nargs="*", default=[str(BASELINE)])
    parser.add_argument("--rounds", type=int, default=4000)
    arguments = parser.parse_args()
    rankers = {folder: load_ranker(folder) for folder in arguments.folders}
    rows = some_features()
    print(f"load average {os.getloadavg()[0]:.2f}; µs of CPU a visitor, best (median)")  # noqa: T201
    for size in SIZES:
        features = np.ascontiguousarray(rows[: size * CANDIDATES])
        for name, times in _measure(rankers, features, max(60, arguments.rounds // size)).items():
            each = [time * 1e6 / size for time in times]
            print(f"{size:3} visitors  {name:60} {min(each):7.2f} ({median(each):.2f})")  # noqa: T201


def _measure(
    rankers: dict[str, OnnxRanker], features: NDArray[np.float32], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each run; the artifacts take turns, so that a busy machine is the same for all."""
    clipped = {
        name: features if ranker.bounds is None else np.clip(features, *ranker.bounds)
        for name, ranker in rankers.items()
    }
    times: dict[str, list[float]] = {f"{name} {what}": [] for name in rankers for what in ("run", "score")}
    for _ in range(rounds):
        for name, ranker in rankers.items():
            started = process_time()
            ranker.score_clipped(clipped[name])
            between = process_time()
            ranker.score(features)
            times[f"{name} run"].append(between - started)
            times[f"{name} score"].append(process_time() - between)
    return times


if __name__ == "__main__":
    main()
