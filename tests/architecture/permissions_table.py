"""The README's table of who may do what: `python -m tests.architecture.permissions_table` writes it."""

from __future__ import annotations

from typing import get_args

from streams.gateway.access.permissions import EXPLAIN, PERMISSIONS, Grant, Permission
from tests.architecture.settings_table import README

BEGIN, END = "<!-- permissions: begin -->\n", "<!-- permissions: end -->\n"
ROLES: dict[Grant, str] = {"read": "admin: read", "merchandise": "admin: merchandise"}


def table() -> str:
    """One row a route and method, in the order of the code."""
    head = ["route", "no key", *(ROLES.get(grant, grant) for grant in get_args(Grant)), "admin port"]
    rows = [[f"`{method} {path}`", *_cells(one)] for (path, method), one in PERMISSIONS.items()]
    rows.append(["`explain=1`, `journey=1` on these", *_cells(Permission(EXPLAIN))])
    rows.append(["`/demo/…`", *_cells(Permission(anybody=True))])
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(permission: Permission) -> list[str]:
    grants = [_cell(permission, grant) for grant in get_args(Grant)]
    port = {"public": "", "admin": "only there", "both": "there too"}[permission.side]
    return ["yes" if permission.anybody else "", *grants, port]


def _cell(permission: Permission, grant: Grant) -> str:
    if permission.anybody:
        return "yes"
    if grant not in permission.grants:
        return ""
    return "own visitor" if grant == "publishable" else "yes"


def in_readme() -> str:
    """What stands between the marks."""
    return README.read_text().split(BEGIN)[1].split(END)[0]


def write() -> None:
    """Put the table between the marks."""
    before, rest = README.read_text().split(BEGIN)
    README.write_text(before + BEGIN + table() + END + rest.split(END)[1])


if __name__ == "__main__":
    write()
