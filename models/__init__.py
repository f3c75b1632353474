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
"""`0`: interpreted; `1`: compiled or no start; a folder: the same, from there; `auto`: what there is."""
COMPILED = "compiled"
UNIT = "_unit"
FOLDER = Path(__file__).parent
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

    What is for other compiled code alone (a `cfunc`) is removed: no caller mixes the two.

    Raises:
        ServiceMissing: The unit does not load, and ETALAGE_COMPILED demands it.
    """
    global BUILD
    if BUILD != COMPILED:
        return
    try:
        unit = vars(import_module(f"models.{UNIT}"))
        if "COMPLETE" not in unit:
            raise ImportError(f"it imports what imports {namespace['__name__']}")
    except ImportError as exc:
        BUILD = _require(f"interpreted: the compiled unit does not load: {exc}")
        return
    for name, value in list(namespace.items()):
        if name.startswith("__"):
            continue
        if name in unit:
            namespace[name] = unit[name]
        elif getattr(value, "__module__", None) == namespace["__name__"]:
            del namespace[name]


def _select(wanted: str) -> str:
    if wanted == "0":
        return f"interpreted: {VARIABLE}=0"
    folder = FOLDER
    if wanted not in ("", "auto", "1"):
        folder = Path(wanted)
        __path__.insert(0, wanted)
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
    return "`make unit` compiles it" if checkout else "`pip install --force-reinstall etalage` compiles it"


def _require(build: str) -> str:
    if build != COMPILED and os.environ.get(VARIABLE, "auto") not in ("", "auto", "0"):
        raise ServiceMissing(f"{VARIABLE}={os.environ[VARIABLE]}, but the policy is {build}")
    return build


BUILD = _require(_select(os.environ.get(VARIABLE, "")))
