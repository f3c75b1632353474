"""Thought: visitor state, item table, features, ranking, layout and rules. Pure: values in, values out.

Some modules are ordinary Python and compiled as well: `_unit.pyx` includes them and is one extension module
of them all, the unit. They end with `use_compiled(globals())`, which puts what was compiled in the place of
what was just defined (the pattern of PEP 399, as in `heapq`). `BUILD` says which of the two runs: `compiled`,
or `interpreted: ` with why and what mends it. What was compiled from other sources than these is never used.
"""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from schemas.errors import ServiceMissing

VARIABLE = "ETALAGE_COMPILED"
"""`0`: interpreted; `1`: compiled or no start; `checked`: the same by the build of tests; else what is."""
COMPILED = "compiled"
UNIT = "_unit"
FOLDER = Path(__file__).parent
CHECKED = FOLDER.parent / "build" / "checked"
"""Where the build with bounds checks and sanitizers goes."""
SOURCE = FOLDER / f"{UNIT}.pyx"
BINARY = UNIT + EXTENSION_SUFFIXES[0]
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

    Raises:
        ServiceMissing: The unit does not load, and ETALAGE_COMPILED demands it.
    """
    unit = _load_unit(namespace["__name__"]) if BUILD == COMPILED else {}
    if BUILD != COMPILED:  # as it was, or since now: it did not load
        return
    for name, value in list(namespace.items()):
        if name in unit and not name.startswith("__"):
            namespace[name] = unit[name]
        elif getattr(value, "__module__", None) == namespace["__name__"]:
            namespace[name] = None


def _load_unit(asking: str) -> dict[str, Any]:
    global BUILD
    unit: dict[str, Any] = {}
    try:
        unit = vars(import_module(f"models.{UNIT}"))
        if "COMPLETE" not in unit:
            raise ImportError(f"it imports what imports {asking}")
    except ImportError as exc:
        BUILD = _require(f"interpreted: the compiled unit does not load: {exc}")
    return unit


def _select(wanted: str) -> str:
    if wanted == "0":
        return f"interpreted: {VARIABLE}=0"
    folder = CHECKED if wanted == "checked" else FOLDER
    __path__[:] = [str(folder), str(FOLDER)][folder is FOLDER :]
    try:
        note, _, _ = note_of(folder).read_text().partition("\n")
    except OSError:
        note = f"{FAILED}nothing was built"
    if note.startswith(FAILED):
        return f"interpreted: {note.removeprefix(FAILED)}; {_build_command()}"
    if note != fingerprint() or not (folder / BINARY).exists():
        return f"interpreted: the compiled unit is of other sources; {_build_command()}"
    return COMPILED


def _build_command() -> str:
    checkout = (FOLDER.parent / "setup.py").exists()
    return "`make unit` compiles it" if checkout else "installing it again compiles it"


def _require(build: str) -> str:
    wanted = os.environ.get(VARIABLE)
    if build != COMPILED and wanted in ("1", "checked"):
        raise ServiceMissing(f"{VARIABLE}={wanted}, but the policy is {build}")
    return build


BUILD = _require(_select(os.environ.get(VARIABLE, "")))
