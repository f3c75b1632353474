"""Compiles the unit of `models`: `python unit_build.py`; again only when something changed.

`--checked` compiles with bounds checks and, by gcc, with sanitizers, into `build/checked`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

os.environ.pop("ETALAGE_COMPILED", None)  # who demands the unit may still build it
sys.path.insert(0, str(Path(__file__).parent))
import models

CHECKED = Path(__file__).parent / "build" / "checked"
CHECKS = ["boundscheck=True", "initializedcheck=True"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g1", "-O1"]


def compiler() -> list[str]:
    """The machine's C compiler, else the one of the wheel `ziglang`; empty when there is neither."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and shutil.which(name.split()[0]):
            return name.split()
    return [sys.executable, "-m", "ziglang", "cc"] if find_spec("ziglang") else []


def build(folder: Path, *, checked: bool = False) -> str:
    """Compile the unit into `folder`, unless what is there is of the same sources and compilers.

    Returns:
        The first line of the note beside the binary: the fingerprint, or why there is no binary.
    """
    from Cython import __version__ as cython

    note = models.note_of(folder)
    wanted = f"{models.fingerprint()}\nCython {cython}, {' '.join(compiler())}{', checked' * checked}\n"
    if note.exists() and note.read_text() == wanted and (folder / models.BINARY).exists():
        return models.fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    try:
        _compile(folder / models.BINARY, checked)
    except (RuntimeError, OSError) as exc:
        wanted = models.FAILED + " ".join(str(exc).split())[-300:] + "\n"
    note.write_text(wanted)
    return wanted.partition("\n")[0]


def _compile(binary: Path, checked: bool) -> None:
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").exists():
        raise RuntimeError("Python.h is missing (apt-get install python3-dev)")
    program = compiler()
    if not program:
        raise RuntimeError("no C compiler (apt-get install gcc, or pip install ziglang)")
    (flags,) = re.findall(r"^# distutils: extra_compile_args = (.+)$", models.SOURCE.read_text(), re.M)
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    with tempfile.TemporaryDirectory() as scratch:
        code, made = Path(scratch, "unit.c"), Path(scratch, models.BINARY)
        directives = [word for check in CHECKS * checked for word in ("-X", check)]
        _run([sys.executable, "-m", "cython", *directives, "--module-name", f"models.{models.UNIT}",
              "-o", str(code), str(models.SOURCE)])  # fmt: skip
        _run([*program, *flags.split(), *(SANITIZERS * checked), "-fPIC", *shared, "-I", headers,
              str(code), "-o", str(made), "-lm"])  # fmt: skip
        beside = binary.with_suffix(".new")
        shutil.copyfile(made, beside)
        os.replace(beside, binary)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")


if __name__ == "__main__":
    checked = "--checked" in sys.argv
    made = build(CHECKED if checked else models.FOLDER, checked=checked)
    if made.startswith(models.FAILED):
        sys.exit(f"the policy runs interpreted, slower: {made.removeprefix(models.FAILED)}")
