"""Digests of the candidates of random shops, and of each feature over all of them.

Those of candidates are of the numpy code that came before the compiled one. A feature that was recorded stays
as it was; one that came after is recorded when all is written anew, and nothing else changes by it.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from random import Random

import numpy as np

from models.features.spec import SPEC, Matrix
from models.visitor.packing import pack
from schemas.storefront import PAGE_ORDER
from tests.both_builds import Build, compiled
from tests.unit.models.asked_pages import Asker, full_state
from tests.unit.models.random_shops import AT, random_table

FILE = Path(__file__).with_suffix(".txt")
FEATURES_FILE = FILE.with_name("features.txt")
SHOPS = 24


def digests(build: Build) -> tuple[str, str]:
    """Lines of FILE, one for each shop and page: how many candidates, and a digest of them; of FEATURES_FILE,
    one a feature: its name, version, and a digest of it for all candidates of all shops.

    Features of the item alone have no part: numpy's logarithms of float32 differ between processors.
    """
    candidates, matrices = "", []
    for seed in range(SHOPS):
        found, of_shop = _of_shop(build, seed)
        candidates += found
        matrices += of_shop
    columns = np.concatenate(matrices).T
    lines = [
        f"{feature.name} {feature.version} {_digest(column.tobytes())}\n"
        for feature, column in zip(SPEC, columns, strict=True)
        if feature.group != "item"
    ]
    return candidates, "".join(lines)


def _of_shop(build: Build, seed: int) -> tuple[str, list[Matrix]]:
    random = Random(seed)
    table = random_table(random, random.choice((3, 40, 200, 400)))
    asker, lines, matrices = Asker(build, table), "", []
    for page, name in enumerate(PAGE_ORDER):
        packed = pack(full_state(random, table.ids)) if random.random() < 0.8 else b""
        rows, sources, anchor, features = asker.ask(packed, page, random, AT + random.choice((0, 301, 5000)))
        found = np.array([*rows, *sources, anchor], np.int64)
        matrices.append(np.frombuffer(features, np.float32).reshape(len(rows), len(SPEC)))
        lines += f"{seed} {name} {len(rows)} {_digest(found.tobytes())}\n"
    return lines, matrices


def only_recorded(features: str) -> str:
    """The lines of the features that FEATURES_FILE names."""
    recorded = {line.split()[0] for line in FEATURES_FILE.read_text().splitlines()}
    return "".join(line for line in features.splitlines(keepends=True) if line.split()[0] in recorded)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=6).hexdigest()


def texts() -> dict[Path, str]:
    """What is to be recorded, by file."""
    candidates, features = digests(compiled)
    return {FILE: candidates, FEATURES_FILE: features}
