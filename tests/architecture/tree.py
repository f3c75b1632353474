"""The source tree as tests of its shape see it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "models", "streams")
PACKAGES = (*ROOMS, "tests")


def modules(*packages: str) -> list[Path]:
    """Python files of the packages, all of them by default."""
    return sorted(path for package in packages or PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    """For test ids and messages: the path inside the project."""
    return str(path.relative_to(ROOT))


@cache
def parse_module(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file, nested ones too."""
    for node in ast.walk(parse_module(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def defined_names(path: Path) -> Iterator[tuple[int, str]]:
    """Names the file itself gives: functions, classes, parameters, variables, fields (with their line)."""
    for node in ast.walk(parse_module(path)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case _:
                pass
