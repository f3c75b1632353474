"""The one-way rule holds, and breaking it is noticed: each contract is broken in a copy of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOMS, ROOT

PLANTS = {
    "schemas imports models": ("schemas/ids.py", "import models.visitor.decay"),
    "models imports streams": ("models/visitor/decay.py", "import streams.runtime.clock"),
    "schemas imports a third party": ("schemas/ids.py", "import orjson"),
    "models reads the clock": ("models/visitor/decay.py", "import time"),
    "models reads the environment": ("models/visitor/decay.py", "import os"),
    "models connects": ("models/visitor/decay.py", "import redis"),
    "serving imports training": ("streams/runtime/clock.py", "import models.training"),
    "models, upwards": (
        "models/catalog/table.py",
        "import models.layout.fills",
    ),
    "models, sideways": ("models/features/spec.py", "import models.layout.fills"),
    "models, no floor": ("models/extras/__init__.py", "import models.visitor.decay"),
    "a pool knows the assembly": ("models/layout/pools.py", "import models.layout.assembly"),
    "streams, upwards": (
        "streams/kafka/producer.py",
        "import streams.stores.keys",
    ),
    "streams, sideways": ("streams/gateway/wiring.py", "import streams.local.up"),
    "streams, no floor": ("streams/extras/__init__.py", "import streams.runtime.clock"),
    "a worker speaks Redis": ("streams/workers/personalize/engine.py", "import redis.asyncio"),
    "the gateway speaks Redis": ("streams/gateway/serve.py", "import hiredis"),
    "the shop speaks Kafka": ("streams/shop/build.py", "from aiokafka.errors import KafkaError"),
    "a command speaks Kafka": ("streams/cli/data/topics.py", "import kafka.admin"),
    "an agent imports the web framework": ("streams/workers/personalize/engine.py", "import starlette"),
    "the gateway imports Faust": ("streams/gateway/__init__.py", "import faust"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    said = lint(copy)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(("where", "line"), PLANTS.values(), ids=PLANTS.keys())
def test_a_forbidden_import_is_refused(copy: Path, where: str, line: str) -> None:
    path = copy / where
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        said = lint(copy)
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before)
    assert said.returncode == 1
    assert "BROKEN" in said.stdout
    assert where.removesuffix(".py").removesuffix("/__init__").replace("/", ".") in said.stdout
