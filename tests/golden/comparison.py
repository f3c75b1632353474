"""How what this code gives is compared with what was recorded of it."""

from __future__ import annotations

from pathlib import Path

CHANGED = "what is given is not what was recorded; if it is meant: `make unit`, \
`python -m tests.golden --write`, and read the diff of"


def assert_as_recorded(text: str, file: Path) -> None:
    """Fails with the lines that differ, and with the command that records all of them anew."""
    assert text.splitlines() == file.read_text().splitlines(), f"{CHANGED} {file.name}"
