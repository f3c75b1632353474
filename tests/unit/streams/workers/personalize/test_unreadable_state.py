"""A state that cannot be read is never overwritten, and the error names where it stands."""

from __future__ import annotations

import pytest

from schemas.errors import UnknownVersion
from streams.workers.personalize.engine import _unpack_state


def test_a_state_that_cannot_be_read_is_told_with_its_partition() -> None:
    with pytest.raises(UnknownVersion, match="partition 3 holds a state of version 103; this code reads"):
        _unpack_state(3, b"garbage")
