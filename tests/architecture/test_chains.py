"""How many modules import one another in a row: what must be read from top to bottom, at worst."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import grimp
import pytest

LONGEST = {"models": 17, "streams": 12}


def longest_chain(imports: Mapping[str, set[str]]) -> int:
    """Modules on the longest path; a module that imports itself by a detour is a RecursionError."""

    @cache
    def depth(module: str) -> int:
        return 1 + max((depth(other) for other in imports[module]), default=0)

    return max(map(depth, imports))


def imports_within(room: str) -> dict[str, set[str]]:
    graph = grimp.build_graph(room, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


@pytest.mark.parametrize("room", LONGEST)
def test_a_chain_of_imports_stays_short(room: str) -> None:
    assert longest_chain(imports_within(room)) <= LONGEST[room]


def test_a_long_chain_and_a_circle_are_seen() -> None:
    assert longest_chain({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == 3
    with pytest.raises(RecursionError):
        longest_chain({"a": {"b"}, "b": {"a"}})
