"""Thought: visitor state, item table, features, ranking, layout and rules. Pure: values in, values out.

Some modules are ordinary Python and compiled as well: `_unit.pyx` includes them and is one extension module
of them all, the unit. They end with `use_compiled(globals())`, which puts what was compiled in the place of
what was just defined (the pattern of PEP 399, as in `heapq`). `BUILD` says which of the two runs: `compiled`,
or `interpreted: ` with why and what mends it. What was compiled from other sources than these is never used.
"""

from __future__ import annotations

import os
import re
import sys
from hashlib import blake2b
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from schemas.errors import ServiceMissing

VARIABLE = "ETALAGE_COMPILED"
"""`0`: interpreted; `1`: compiled or no start; `checked`: the same by the build of tests; else what is."""
COMPILED = "compiled"
UNIT = "models._unit"
FOLDER = Path(__file__).parent
CHECKED = FOLDER.parent / "build" / "checked"
"""Where the build with bounds checks and sanitizers goes."""
SOURCE = FOLDER / "_unit.pyx"
BINARY = "_unit" + EXTENSION_SUFFIXES[0]
FAILED = "not compiled: "
"""Begins a note that says why there is no binary."""


def unit_files() -> list[str]:
    """Paths of the included modules below `models`, in the order of inclusion."""
    return re.findall(r'^include "(.+)"$', SOURCE.read_text(), re.MULTILINE)


def unit_modules() -> list[str]:
    """Names of the included modules, as they are imported."""
    return [f"models.{name.removesuffix('.py').replace('/', '.')}" for name in unit_files()]


def fingerprint() -> str:
    """Hash of all that is compiled; directives and flags of the compilers stand in `_unit.pyx`."""
    text = blake2b(digest_size=16)
    for path in (SOURCE, *(FOLDER / name for name in unit_files())):
        source = path.read_bytes()
        text.update(b"%d:" % len(source) + source)
    return text.hexdigest()


def note_of(folder: Path) -> Path:
    """Where the build writes what it made in this folder: the fingerprint and with what, or why not."""
    return folder / f"{BINARY}.note"


def use_compiled(namespace: dict[str, Any]) -> None:
    """Replace what a module of the unit defines by what was compiled of it.

    What is for other compiled code alone (a `cfunc`) becomes None: no caller mixes the two.
    """
    if BUILD != COMPILED:
        return
    unit = vars(sys.modules[UNIT])
    for name, value in list(namespace.items()):
        if name in unit and not name.startswith("__"):
            namespace[name] = unit[name]
        elif getattr(value, "__module__", None) == namespace["__name__"]:
            namespace[name] = None


def _find_unit(wanted: str) -> ModuleType | str:
    """The compiled unit, not yet run; or why there is none, and what mends it."""
    if wanted == "0":
        return f"{VARIABLE}=0"
    folder = CHECKED if wanted == "checked" else FOLDER
    try:
        note, _, _ = note_of(folder).read_text().partition("\n")
    except OSError:
        note = f"{FAILED}nothing was built"
    checkout = (FOLDER.parent / "setup.py").exists()
    mend = "`make unit` compiles it" if checkout else "installing it again compiles it"
    if note.startswith(FAILED):
        return f"{note.removeprefix(FAILED)}; {mend}"
    if note != fingerprint():
        return f"the compiled unit is of other sources; {mend}"
    spec = spec_from_file_location(UNIT, folder / BINARY)
    assert spec
    try:
        return module_from_spec(spec)
    except ImportError as exc:
        return f"the compiled unit does not load ({exc}); {mend}"


def _load_unit(wanted: str) -> str:
    """Run the unit before any module that it replaces is imported, be it by what the unit itself imports."""
    global BUILD
    unit = _find_unit(wanted)
    if isinstance(unit, str):
        if wanted in ("1", "checked"):
            raise ServiceMissing(f"{VARIABLE}={wanted}, but the policy is interpreted: {unit}")
        return f"interpreted: {unit}"
    BUILD = COMPILED
    sys.modules[UNIT] = unit
    assert unit.__spec__
    assert unit.__spec__.loader
    unit.__spec__.loader.exec_module(unit)
    return BUILD


BUILD = _load_unit(os.environ.get(VARIABLE, ""))
