"""What was compiled serves when it is of these sources and wanted; else it is said why, and what mends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import models
from tests.architecture.tree import ROOT
from tests.both_builds import compiled, interpreted

MODULE = "models/catalog/key_index.py"
SHOW = (
    "import models; from models.catalog.key_index import KeyIndex; print(KeyIndex.__module__, models.BUILD)"
)
INTERPRETED = "models.catalog.key_index interpreted: "


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the unit is made of and imports, with what was compiled of it."""
    files = [str(path.relative_to(ROOT)) for path in (*models.FOLDER.rglob("*.py"), models.SOURCE)]
    for name in (*files, "schemas", "setup.py", "unit_build.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    shutil.copy(models.FOLDER / models.BINARY, tmp_path / "models")
    shutil.copy(models.note_of(models.FOLDER), tmp_path / "models")
    return tmp_path


def run(tree: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != models.VARIABLE} | variables
    return subprocess.run(
        [sys.executable, *words], cwd=tree, env=env, capture_output=True, text=True, check=False
    )


def shown(tree: Path, **variables: str) -> str:
    done = run(tree, "-c", SHOW, **variables)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_what_was_compiled_serves(tree: Path) -> None:
    assert shown(tree) == shown(tree, ETALAGE_COMPILED="1") == "models._unit compiled"


def test_it_can_be_left_out(tree: Path) -> None:
    assert shown(tree, ETALAGE_COMPILED="0") == f"{INTERPRETED}ETALAGE_COMPILED=0"


@pytest.mark.parametrize("file", [MODULE, "models/_unit.pyx"])
def test_what_was_compiled_of_other_sources_does_not_serve(tree: Path, file: str) -> None:
    with (tree / file).open("a") as source:
        source.write("# edited\n")
    why = "the compiled unit is of other sources; `make unit` compiles it"
    assert shown(tree) == INTERPRETED + why
    refusal = f"schemas.errors.ServiceMissing: ETALAGE_COMPILED=1, but the policy is interpreted: {why}"
    assert shown(tree, ETALAGE_COMPILED="1") == refusal


def test_a_binary_that_does_not_load_is_named(tree: Path) -> None:
    (tree / "models" / models.BINARY).write_bytes(b"")
    assert shown(tree).startswith(f"{INTERPRETED}the compiled unit does not load (")


def test_where_nothing_was_built_the_command_is_named(tree: Path) -> None:
    models.note_of(tree / "models").unlink()
    assert shown(tree) == f"{INTERPRETED}nothing was built; `make unit` compiles it"
    (tree / "setup.py").unlink()
    assert shown(tree) == f"{INTERPRETED}nothing was built; installing it again compiles it"


def test_without_headers_nothing_is_compiled_and_they_are_named(tree: Path) -> None:
    models.note_of(tree / "models").unlink()
    code = "import sysconfig; sysconfig.get_path = lambda _: '/no'; import unit_build as b"
    assert run(tree, "-c", f"{code}; b.build(b.models.FOLDER)").returncode == 0
    assert shown(tree).startswith(f"{INTERPRETED}Python.h is missing (apt-get install python3-dev); ")


def test_without_any_compiler_both_ways_to_one_are_named(tree: Path) -> None:
    models.note_of(tree / "models").unlink()
    done = run(tree, "unit_build.py", PATH="", PIP_NO_INDEX="1", PIP_CONFIG_FILE=os.devnull)
    wanted = "no C compiler (apt-get install gcc), and no ziglang: "
    assert done.stderr.startswith(f"The policy runs interpreted, many times slower: {wanted}")
    assert done.returncode == 1
    assert shown(tree).startswith(INTERPRETED + wanted)


def test_what_was_compiled_takes_the_place_of_what_was_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there for Python can be imported, for other modules of the unit do, and not be called."""

    def score() -> None: ...

    def clip() -> None: ...

    score.__module__ = clip.__module__ = "models.scoring"
    unit = ModuleType(models.UNIT)
    unit.score = compiled_score = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, models.UNIT, unit)
    namespace = {"__name__": "models.scoring", "score": score, "clip": clip, "join": os.path.join}
    before = dict(namespace)
    monkeypatch.setattr(models, "BUILD", "interpreted: why")
    models.use_compiled(namespace)
    assert namespace == before
    monkeypatch.setattr(models, "BUILD", models.COMPILED)
    models.use_compiled(namespace)
    assert namespace == before | {"score": compiled_score, "clip": None}


def test_both_builds_stand_side_by_side() -> None:
    name = "models.catalog.key_index"
    serving = import_module(name)
    assert compiled(name) is serving
    assert interpreted(name) is not serving
    assert import_module(name) is serving
    assert compiled(name).KeyIndex is not interpreted(name).KeyIndex
