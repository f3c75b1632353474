"""What compiling alone shows: a read past the end is reported; what the unit imports is compiled as well."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_unit import TAIL
from tests.architecture.tree import ROOT
from tests.checked_unit import build_checked

PLANTED = """
def read_past(index: KeyIndex, by: cython.longlong) -> cython.int:
    return index.numbers[index.mask + by]


@cython.boundscheck(False)
def read_unchecked(index: KeyIndex, by: cython.longlong) -> cython.int:
    return index.numbers[index.mask + by]


"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / "unit_build.py", folder)
    for room in ("models", "schemas"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("_unit.c*", "__pycache__"))
    module = folder / "models" / "catalog" / "key_index.py"
    before, tail, after = module.read_text().partition("if not cython.compiled:")
    module.write_text(before + PLANTED + tail + after)
    (folder / "models" / "between.py").write_text("from models.catalog.key_index import KeyIndex\n")
    (folder / "models" / "last.py").write_text(
        f"import cython\nimport models.between\nfrom models import use_compiled\n{TAIL}\n"
    )
    with (folder / "models" / "_unit.pyx").open("a") as unit:
        unit.write('include "last.py"\n')
    return folder


def run(tree: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree, env=build_checked(tree), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_read_past_the_end_is_reported(planted: Path) -> None:
    def read(function: str, by: int) -> subprocess.CompletedProcess[str]:
        return run(
            planted, f"from models.catalog.key_index import *; print({function}(KeyIndex({{}}), {by}))"
        )

    assert read("read_past", 0).stdout == read("read_unchecked", 0).stdout == "-1\n"
    assert "IndexError" in read("read_past", 1).stderr
    assert "heap-buffer-overflow" in read("read_unchecked", 1).stderr


def test_what_the_unit_imports_gets_what_was_compiled(planted: Path) -> None:
    code = "import models.last, models.between as b; print(b.KeyIndex.__module__)"
    assert run(planted, code).stdout == "models._unit\n"
