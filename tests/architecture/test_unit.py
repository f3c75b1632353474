"""The modules of the compiled unit share one namespace, and must be the same compiled and interpreted."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import pytest

import models
from tests.architecture.test_chains import imports_within
from tests.architecture.tree import ROOT

TAIL = "if not cython.compiled:\n    use_compiled(globals())"
NEGATIVE = "# a Python object"
"""Marks a line that may count from an end: what it subscripts is no typed column."""
SCOPES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)


def unit_sources() -> dict[str, str]:
    """Text by module name."""
    names = zip(models.unit_modules(), models.unit_files(), strict=True)
    return {name: (ROOT / "models" / file).read_text() for name, file in names}


def clashes(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Top-level names that mean more than one thing in the unit, with what they mean."""
    meanings: defaultdict[str, set[str]] = defaultdict(set)
    for module, text in sources.items():
        for name, meaning in _bindings(ast.parse(text), module):
            meanings[name].add(meaning)
            if hasattr(builtins, name):
                meanings[name].add(f"builtins.{name}")
    return {name: found for name, found in meanings.items() if len(found) > 1}


def faults(module: str, text: str, unit: set[str]) -> set[str]:
    """What else keeps a module from being the same compiled and interpreted."""
    tree = ast.parse(text)
    found = {"does not end with use_compiled"} if ast.unparse(tree.body[-1]) != TAIL else set()
    guarded = {
        id(node)
        for statement in tree.body
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "not cython.compiled"
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="__future__"):
                found.add("postpones annotations")
            case ast.Import(names=names) if unit.intersection(name.name for name in names):
                found.add("imports a module of the unit whole")
            case ast.ImportFrom(module=other, names=names) if other in unit:
                found |= {"imports the unit unguarded"} if id(node) not in guarded else set()
                found |= {"renames a name of the unit"} if any(name.asname for name in names) else set()
            case ast.ImportFrom(module=other, names=names) if unit & {
                f"{other}.{name.name}" for name in names
            }:
                found.add("imports a module of the unit whole")
            case ast.ClassDef(bases=bases) if "Struct" in map(ast.unparse, bases):
                found.add("defines a Struct")
    return found


def negative_subscripts(text: str) -> set[str]:
    """Subscripts that count from an end. Compiled, a typed column has none: it reads what lies before it."""
    lines = text.splitlines()
    return {
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Subscript)
        and any(map(_is_negative, ast.walk(node.slice)))
        and not lines[node.lineno - 1].endswith(NEGATIVE)
    }


def reached(imports: Mapping[str, set[str]], unit: Sequence[str]) -> set[tuple[str, str]]:
    """A module of the unit, and one that it needs when it runs, though that one has not run yet."""
    found = set()
    for place, module in enumerate(unit):
        seen: set[str] = set()
        waiting = imports[module]
        while waiting:
            seen |= waiting
            waiting = {other for name in waiting for other in imports[name]} - seen
        found |= {(module, late) for late in seen.intersection(unit[place:])}
    return found


def test_a_name_means_one_thing_in_the_unit() -> None:
    assert clashes(unit_sources()) == {}


@pytest.mark.parametrize("module", models.unit_modules())
def test_a_module_of_the_unit_is_the_same_both_ways(module: str) -> None:
    assert faults(module, unit_sources()[module], set(models.unit_modules())) == set()


@pytest.mark.parametrize("module", models.unit_modules())
def test_no_module_of_the_unit_counts_from_an_end(module: str) -> None:
    assert negative_subscripts(unit_sources()[module]) == set()


@pytest.mark.parametrize(
    "planted", ["x[-1]", "x[0, -2]", "x[-3:]", "x[:-1]", "x[y[-1]]", "x[-1] = 0", "x[-N]"]
)
def test_counting_from_an_end_is_seen(planted: str) -> None:
    assert len(negative_subscripts(f"a = 1\n{planted}")) == 1 + planted.count("y[")
    assert negative_subscripts(f"{planted}  {NEGATIVE}") == set()
    assert negative_subscripts("x[1 - 1], x[n - 1], -x[1], x[a:b]") == set()


def test_a_module_of_the_unit_runs_after_those_it_imports() -> None:
    assert reached(imports_within("models"), models.unit_modules()) == set()


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ("HEAD = 74", "HEAD"),
        ("def HEAD(): ...", "HEAD"),
        ("import numpy as HEAD", "HEAD"),
        ("if 1:\n    from msgspec import HEAD", "HEAD"),
        ("def max(a, b): ...", "max"),
    ],
)
def test_a_clash_is_seen(other: str, name: str) -> None:
    assert set(clashes({"models.a": "HEAD = 14", "models.b": other})) == {name}


def test_the_same_import_in_two_modules_is_no_clash() -> None:
    here, there = (
        "import numpy as np\nHEAD = 14",
        "import numpy as np\nfrom models.a import HEAD\n[HEAD for np in ()]",
    )
    assert clashes({"models.a": here, "models.b": there}) == {}


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ("from __future__ import annotations", "postpones annotations"),
        ("from models.a import x", "imports the unit unguarded"),
        ("def f():\n    from models.a import x", "imports the unit unguarded"),
        ("if not cython.compiled:\n    from models.a import x as y", "renames a name of the unit"),
        ("import models.a", "imports a module of the unit whole"),
        ("from models import a", "imports a module of the unit whole"),
        ("class A(Struct): ...", "defines a Struct"),
    ],
)
def test_a_fault_is_seen(planted: str, fault: str) -> None:
    unit = {"models.a", "models.b"}
    assert faults("models.b", f"{planted}\n{TAIL}", unit) == {fault}
    assert faults("models.b", f"if not cython.compiled:\n    from models.a import x\n{TAIL}", unit) == set()
    assert faults("models.b", "x = 1", unit) == {"does not end with use_compiled"}


def test_a_wrong_order_is_seen() -> None:
    imports = {"a": {"c"}, "b": set(), "c": {"b"}}
    assert reached(imports, ["b", "a"]) == set()
    assert reached(imports, ["a", "b"]) == {("a", "b")}


def _is_negative(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _bindings(node: ast.AST, module: str) -> Iterator[tuple[str, str]]:
    """Names bound outside functions and classes, each with what it is bound to."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield child.name, f"{module}.{child.name}"
            case ast.Import() | ast.ImportFrom():
                origin = f"{child.module}." if isinstance(child, ast.ImportFrom) else ""
                yield from ((name.asname or name.name, origin + name.name) for name in child.names)
            case ast.Name(ctx=ast.Store()):
                yield child.id, f"{module}.{child.id}"
            case _ if not isinstance(child, SCOPES):
                yield from _bindings(child, module)
