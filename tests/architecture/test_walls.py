"""Size and naming walls of the style guide; complexity is ruff's, whose limit is checked here too."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from tests.architecture.tree import (
    ROOMS,
    ROOT,
    defined_names,
    functions,
    modules,
    name_of,
    parse_module,
)

MODULE_LINES = 300
FUNCTION_LINES = 40
PARAMETERS = 6
COMPLEXITY = 8
CHILDREN = 9
"""Modules and packages in one package: the tenth splits it."""
NO_CHILDREN = {"__init__.py", "__pycache__", "static", "drawings", "artifacts", "data"}
"""Not counted: pictures, static files, artifacts and data lie beside the code that reads them."""
DRAWERS = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"}
ALONE = {"user", "users"}
"""Says neither "signed in" nor "anybody": the word is visitor."""
PARTICIPLES = {
    "begun", "bought", "built", "done", "drawn", "found", "given", "gone", "heard", "held", "kept", "known",
    "lost", "made", "met", "said", "seen", "sent", "shown", "sold", "taken", "told", "written",
}  # fmt: skip
"""With every word in -ed: alone they say neither what a function does nor what it gives."""
NEVER = {"position", "positions"}
"""Kafka, search and merchandising each mean another thing by it: say record id or index."""

SELECTION = "models/__init__.py"
"""Chooses between compiled and interpreted before any module of `models` is there."""

every_module = pytest.mark.parametrize("path", modules(), ids=name_of)


@every_module
def test_a_module_stays_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MODULE_LINES


@every_module
def test_a_function_stays_small(path: Path) -> None:
    long = {f.name: _lines(f) for f in functions(path) if _lines(f) > FUNCTION_LINES}
    assert not long


@every_module
def test_a_function_takes_few_parameters(path: Path) -> None:
    greedy = {f.name: count for f in functions(path) if (count := _parameters(f)) > PARAMETERS}
    assert not greedy


@every_module
def test_no_drawer_for_odds_and_ends(path: Path) -> None:
    assert DRAWERS.isdisjoint({path.stem, path.parent.name})


@every_module
def test_banned_words_are_not_used_as_names(path: Path) -> None:
    wrong = {
        f"{line}: {name}"
        for line, name in defined_names(path)
        if name.lower() in ALONE or NEVER.intersection(_words(name))
    }
    assert not wrong


@pytest.mark.parametrize("path", modules(*ROOMS), ids=name_of)
def test_no_function_is_a_bare_participle(path: Path) -> None:
    wrong = {
        f"{f.lineno}: {f.name}" for f in functions(path) if _is_participle(f.name) and not _is_property(f)
    }
    assert not wrong


def test_a_participle_is_told_from_a_verb() -> None:
    assert all(map(_is_participle, ("told", "_settled", "checked")))
    assert not any(map(_is_participle, ("is_done", "feed", "seed", "read", "put", "wait_connected")))


@pytest.mark.parametrize("path", modules(*ROOMS), ids=name_of)
def test_a_module_says_what_it_decides(path: Path) -> None:
    said = ast.get_docstring(parse_module(path))
    assert said
    assert said.strip()


@pytest.mark.parametrize(
    "path", [p for p in modules() if p.name == "__init__.py" and name_of(p) != SELECTION], ids=name_of
)
def test_a_package_exports_nothing(path: Path) -> None:
    beyond_docstring = [n for n in parse_module(path).body if not _is_text(n)]
    assert not beyond_docstring


@pytest.mark.parametrize("path", modules("tests"), ids=name_of)
def test_no_test_is_skipped(path: Path) -> None:
    """A test without its server or browser fails; one that cannot pass is not there."""
    skips = {
        f"{node.lineno}: {node.attr}"
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail", "importorskip"}
    }
    assert not skips


def packages(*rooms: str) -> list[Path]:
    """Folders of Python code that the limit of children applies to."""
    folders = {path.parent for path in modules(*rooms)}
    return sorted(folder for folder in folders if NO_CHILDREN.isdisjoint(folder.parts))


def children(folder: Path) -> list[str]:
    """Modules and subpackages; other files beside them (a manifest, a script of Redis) are no modules."""
    return sorted(
        child.name
        for child in folder.iterdir()
        if child.name not in NO_CHILDREN and (child.is_dir() or child.suffix == ".py")
    )


@pytest.mark.parametrize("folder", packages("models", "streams"), ids=name_of)
def test_a_package_has_at_most_nine_children(folder: Path) -> None:
    assert len(children(folder)) <= CHILDREN, children(folder)


def test_a_tenth_child_is_seen(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"part{number}.py").touch()
    (tmp_path / "__init__.py").touch()
    (tmp_path / "static").mkdir()
    assert len(children(tmp_path)) == CHILDREN + 1


def test_a_public_class_name_is_defined_once() -> None:
    """Two classes of one name mean that one of them is not called what it is."""
    defined: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules(*ROOMS):
        for node in parse_module(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(name_of(path))
    assert {name: where for name, where in defined.items() if len(where) > 1} == {}


def test_complexity_is_limited_by_ruff() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "C90" in ruff["select"]
    assert ruff["mccabe"]["max-complexity"] == COMPLEXITY


def test_the_walls_see_something() -> None:
    """The checks above hold because the tree is so, not because nothing was looked at."""
    assert len(modules()) > 50
    assert _words("lastPosition_seen") == {"last", "position", "seen"}


def _is_participle(name: str) -> bool:
    word = name.strip("_")
    return word in PARTICIPLES or (word.endswith("ed") and "_" not in word and not word.endswith("eed"))


def _is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "property" for node in function.decorator_list)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Without `self` and `cls`; fixtures of a test are parameters like others."""
    args = function.args
    names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return len([name for name in names if name not in {"self", "cls"}])


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


TERMINAL = "streams/runtime/telemetry/terminal.py"
JSON = ("encode", "msgspec.json.encode", "raw.decode")
"""What makes JSON, in which control characters are escaped."""


@pytest.mark.parametrize("path", modules("streams"), ids=name_of)
def test_text_is_printed_by_what_shows_control_characters(path: Path) -> None:
    """Not by rich's own Console, nor by typer.echo unless it is JSON."""
    wrong = []
    for node in ast.walk(parse_module(path)):
        match node:
            case ast.ImportFrom(module="rich.console", names=names) if name_of(path) != TERMINAL:
                wrong += [alias.name for alias in names if alias.name == "Console"]
            case ast.Call(func=ast.Attribute(value=ast.Name("typer"), attr="echo"), args=[said, *_]):
                wrong += [] if ast.unparse(said).startswith(JSON) else [ast.unparse(said)]
            case _:
                pass
    assert wrong == []
