"""The contract files of every topic, as the tests read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from schemas.contracts_tool import folder
from schemas.topics import TOPICS, Topic


class Refused(Struct, frozen=True, forbid_unknown_fields=True):
    """A record that must be refused: its `value` as JSON, or its `raw` text where it is no JSON object."""

    reason: str
    says: str
    value: Any = None
    raw: str | None = None

    @property
    def record(self) -> bytes | None:
        if self.value is not None:
            return json.dumps(self.value).encode()
        return None if self.raw is None else self.raw.encode()


def all_files(kind: str) -> list[tuple[Topic, Path]]:
    """Every file of `examples` or `refused`, with its topic."""
    return [(topic, path) for topic in TOPICS for path in sorted((folder(topic) / kind).glob("*.json"))]
