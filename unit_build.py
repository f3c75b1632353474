"""Compiles the unit of `models`: `python unit_build.py`; again only when something changed.

`--checked` compiles with checks of bounds and, where gcc has them, sanitizers, into `build/checked`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

WANTED = os.environ.get("ETALAGE_COMPILED") != "0"
os.environ["ETALAGE_COMPILED"] = "0"  # who demands the compiled unit must be able to build it first
sys.path.insert(0, str(Path(__file__).parent))
import models  # noqa: E402

ZIG = "ziglang>=0.15"
CHECKS = ("boundscheck", "initializedcheck")
SANITIZERS = ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compiler() -> list[str]:
    """The machine's C compiler, else the one of the wheel `ziglang`; empty when there is neither."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and shutil.which(name.split()[0]):
            return name.split()
    return [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"] if find_spec("ziglang") else []


def sanitizer() -> str:
    """Path of gcc's libasan, to be preloaded; empty where there is none."""
    try:
        found = subprocess.run([*compiler(), "-print-file-name=libasan.so"], capture_output=True, text=True)
        program = subprocess.run([*compiler(), "--version"], capture_output=True, text=True)
    except OSError:
        return ""
    path = found.stdout.strip()
    return path if os.path.isabs(path) and "Free Software Foundation" in program.stdout else ""


def build(folder: Path, *, checked: bool = False) -> str:
    """Compile the unit into `folder`, unless what is there is of the same sources and compilers.

    Returns:
        The first line of the note beside the binary: the fingerprint, or why there is no binary.
    """
    with_what = f"Cython {version('Cython')}, {' '.join(compiler() or [ZIG])}"
    with_what += f"; checked {sanitizer()}" if checked else ""
    wanted = f"{models.fingerprint()}\n{with_what}\n"
    note = models.note_of(folder)
    if note.exists() and note.read_text() == wanted and (folder / models.BINARY).exists():
        return models.fingerprint()
    sys.stdout.write(f"Compiling the policy ({with_what}) ...\n")
    sys.stdout.flush()
    folder.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            _compile(folder / models.BINARY, Path(scratch), checked)
    except (RuntimeError, OSError) as exc:
        wanted = models.FAILED + " ".join(str(exc).split())[-300:] + "\n"
    note.write_text(wanted)
    return wanted.partition("\n")[0]


def _compile(binary: Path, scratch: Path, checked: bool) -> None:
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").exists():
        raise RuntimeError("Python.h is missing (apt-get install python3-dev)")
    program = compiler() or _fetch_compiler(scratch)
    text = models.SOURCE.read_text()
    for check in CHECKS if checked else ():
        text = text.replace(f"{check}=False", f"{check}=True")  # over a file's own directives no option wins
    (flags,) = re.findall(r"^# distutils: extra_compile_args = (.+)$", text, re.M)
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    source, code, made = scratch / models.SOURCE.name, scratch / "unit.c", scratch / models.BINARY
    source.write_text(text)
    _run([sys.executable, "-m", "cython", "-I", str(models.FOLDER), "--module-name", models.UNIT,
          "-o", str(code), str(source)])  # fmt: skip
    _run([*program, *flags.split(),
          *(SANITIZERS if checked and sanitizer() else []), "-fPIC", *shared, "-I", headers,
          str(code), "-o", str(made), "-lm"])  # fmt: skip
    beside = Path(f"{binary}.{os.getpid()}")
    shutil.copyfile(made, beside)
    os.replace(beside, binary)


def _fetch_compiler(scratch: Path) -> list[str]:
    """A C compiler from a wheel, for this build alone."""
    try:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--retries", "0", "--target", str(scratch), ZIG])
    except RuntimeError as exc:
        raise RuntimeError(f"no C compiler (apt-get install gcc), and no ziglang: {exc}") from exc
    caches = [f"ZIG_{kind}_CACHE_DIR={scratch}" for kind in ("GLOBAL", "LOCAL")]
    zig = [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]
    return ["env", f"PYTHONPATH={scratch}", *caches, *zig]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")


if __name__ == "__main__":
    checked = "--checked" in sys.argv
    said = build(models.CHECKED if checked else models.FOLDER, checked=checked)
    if said.startswith(models.FAILED):
        sys.exit(f"The policy runs interpreted, many times slower: {said.removeprefix(models.FAILED)}")
