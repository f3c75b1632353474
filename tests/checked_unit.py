"""`python -m tests.checked_unit [FILE …]`: tests of the compiled policy, with bounds checks and sanitizers.

Without files: those that run both builds. The unit is compiled with checks into `build/checked`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import models
from tests.architecture.tree import ROOT, modules


def build_checked(root: Path = ROOT) -> dict[str, str]:
    """Compile the unit of the tree at `root` with checks, unless nothing changed.

    Returns:
        The environment under which a Python process of that tree takes it; what is reported aborts it.
    """
    subprocess.run([sys.executable, "unit_build.py", "--checked"], cwd=root, check=True)
    note = models.note_of(root / models.CHECKED.relative_to(ROOT)).read_text()
    return os.environ | {
        "ETALAGE_COMPILED": "checked",
        "LD_PRELOAD": note.rpartition("checked ")[2].strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # Python's own allocator hides where a value ends
    }


def _run_both_builds() -> list[str]:
    tests = (path for path in modules("tests") if path.name.startswith("test_"))
    return [str(path) for path in tests if "from tests.both_builds import" in path.read_text()]


if __name__ == "__main__":
    files = sys.argv[1:] or _run_both_builds()
    command = [sys.executable, "-m", "pytest", "-q", *files]
    sys.exit(subprocess.run(command, cwd=ROOT, env=build_checked(), check=False).returncode)
