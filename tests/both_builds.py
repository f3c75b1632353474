"""The modules of the compiled unit twice in one process: as compiled, and as the Python they are."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import ModuleType

import pytest

import models


def compiled(name: str) -> ModuleType:
    """The module as it serves; fails where nothing was compiled."""
    module = import_module(name)
    assert models.BUILD == models.COMPILED, models.BUILD
    return module


def interpreted(name: str) -> ModuleType:
    """The module as Python; it shares nothing with the one that serves but what the unit only imports."""
    return _import_afresh()[name]


Build = Callable[[str], ModuleType]
both_builds = pytest.mark.parametrize("build", [compiled, interpreted])
"""Gives a test `build`: `build("models.catalog.key_index").KeyIndex`."""


@cache
def _import_afresh() -> dict[str, ModuleType]:
    names = models.unit_modules()
    serving = {name: import_module(name) for name in names}
    selected, models.BUILD = models.BUILD, "interpreted: for comparison"
    try:
        for name in names:
            del sys.modules[name]
        return {name: import_module(name) for name in names}
    finally:
        models.BUILD = selected
        for name, module in serving.items():
            sys.modules[name] = module
            package, _, child = name.rpartition(".")
            setattr(sys.modules[package], child, module)
