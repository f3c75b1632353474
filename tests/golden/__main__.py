"""`python -m tests.golden --write` records everything anew that this code gives; read the diff."""

from __future__ import annotations

import sys

import models
from tests.golden import candidates, decisions, packed_states, sessions

if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    if models.BUILD != models.COMPILED:
        sys.exit(models.BUILD)
    for part in (sessions, decisions, candidates, packed_states):
        for file, text in part.texts().items():
            if not file.exists() or file.read_text() != text:
                print(f"changed: {file.name}")  # noqa: T201
                file.write_text(text)
