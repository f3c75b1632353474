"""The README's table of settings: `python -m tests.architecture.settings_table` writes it from the type."""

from __future__ import annotations

import ast
from pathlib import Path

from streams.runtime.settings import PREFIX, Settings
from tests.architecture.tree import ROOT, parse_module

README = ROOT / "README.md"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"
SOURCE = ROOT / "streams" / "runtime" / "settings.py"


def table() -> str:
    """One row a field, in the order of the type; a field without a comment is a KeyError."""
    comments = _comments()
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_format_default(default)} | {comments[name]} |"
        for name, default in _defaults()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows]) + "\n"


def in_readme() -> str:
    """What stands between the marks."""
    return README.read_text().split(BEGIN)[1].split(END)[0]


def write(path: Path = README) -> None:
    """Put the table between the marks."""
    before, rest = path.read_text().split(BEGIN)
    path.write_text(before + BEGIN + table() + END + rest.split(END)[1])


def _comments() -> dict[str, str]:
    lines = SOURCE.read_text().splitlines()
    fields = (
        n for n in ast.walk(parse_module(SOURCE)) if isinstance(n, ast.ClassDef) and n.name == "Settings"
    )
    found = {}
    for node in next(fields).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.end_lineno:
            _, mark, comment = lines[node.end_lineno - 1].partition("  # ")
            if mark:
                found[node.target.id] = comment.replace("|", "\\|")
    return found


def _defaults() -> list[tuple[str, object]]:
    return list(zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True))


def _format_default(default: object) -> str:
    return "" if default is None else f"`{default}`"


if __name__ == "__main__":
    write()
