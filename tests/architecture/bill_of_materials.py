"""`make sbom`: a CycloneDX document of what constraints.txt pins, made offline, reproducibly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT


def write(target: Path) -> None:
    """Write it; its folder is made. Raises CalledProcessError when cyclonedx-py fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    options = ["--output-reproducible", "--of", "JSON", "-o", str(target)]
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(ROOT / "constraints.txt"), *options]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "sbom.json")
