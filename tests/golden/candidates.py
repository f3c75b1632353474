"""`python -m tests.golden.candidates` writes the digests of candidates and features anew, when meant to.

Those of candidates are of the numpy code that came before the compiled one.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from random import Random

import numpy as np

from models.features.feature_rows import GROUP_SIZES
from models.features.spec import SPEC
from schemas.storefront import PAGE_ORDER
from tests.both_builds import Build, compiled
from tests.unit.models.asked_pages import Asker, full_state
from tests.unit.models.random_shops import AT, random_table

FILE = Path(__file__).with_suffix(".txt")
SHOPS = 24


def digests(build: Build) -> str:
    """A line for each shop and page: how many candidates, digests of them and of their features.

    Features of the item alone have no part: numpy's logarithms of float32 differ between processors.
    """
    return "".join(_of_shop(build, seed) for seed in range(SHOPS))


def _of_shop(build: Build, seed: int) -> str:
    random = Random(seed)
    table = random_table(random, random.choice((3, 40, 200, 400)))
    asker, lines = Asker(build, table), ""
    for page, name in enumerate(PAGE_ORDER):
        packed = full_state(random, table.ids) if random.random() < 0.8 else b""
        rows, sources, anchor, features = asker.ask(packed, page, random, AT + random.choice((0, 301, 5000)))
        found = np.array([*rows, *sources, anchor], np.int64)
        written = np.frombuffer(features, np.float32).reshape(len(rows), len(SPEC))[:, GROUP_SIZES["item"] :]
        lines += f"{seed} {name} {len(rows)} {_digest(found.tobytes())} {_digest(written.tobytes())}\n"
    return lines


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=6).hexdigest()


if __name__ == "__main__":
    FILE.write_text(digests(compiled))
