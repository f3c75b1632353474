"""A worker or gateway on its own serves interpreted only where that was said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = "import models; models.BUILD = 'interpreted: why'; from streams.cli.main import main; main([{!r}])"


def start(kind: str, **variables: str) -> str:
    """What it says on standard error; without Kafka's address it always refuses, sooner or later."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
    command = [sys.executable, "-c", CODE.format(kind)]
    done = subprocess.run(command, env=env | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    return done.stderr


@pytest.mark.parametrize("kind", ["worker", "gateway"])
def test_an_interpreted_policy_does_not_serve_unasked(kind: str) -> None:
    refusal = "etalage: the policy is interpreted: why, or set ETALAGE_COMPILED=0 to serve slowly\n"
    assert start(kind) == refusal


@pytest.mark.parametrize("kind", ["worker", "gateway"])
def test_it_serves_where_that_was_said_and_logs_it(kind: str) -> None:
    said = start(kind, ETALAGE_COMPILED="0")
    assert "the policy is" not in said
    assert '"policy":"interpreted: why"' in said.replace('": "', '":"')
