"""The checked build reports what the serving one would read past the end of an array."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    return folder


def test_a_read_past_the_end_is_reported(planted: Path) -> None:
    environment = build_checked(planted)

    def read(function: str, by: int) -> subprocess.CompletedProcess[str]:
        code = f"from models.catalog.key_index import *; print({function}(KeyIndex({{}}), {by}))"
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=planted,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert read("read_past", 0).stdout == read("read_unchecked", 0).stdout == "-1\n"
    assert "IndexError" in read("read_past", 1).stderr
    assert "heap-buffer-overflow" in read("read_unchecked", 1).stderr
