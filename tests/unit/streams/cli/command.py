"""Runs an `etalage` command inside the test's process."""

from __future__ import annotations

import pytest

from streams.cli.main import main


def run_command(*words: str) -> int:
    """Run one command; returns its exit code."""
    with pytest.raises(SystemExit) as exit_info:
        main(words)
    code = exit_info.value.code
    assert isinstance(code, int)
    return code
