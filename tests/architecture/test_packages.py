"""What is installed beside us, and what each command loads."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from streams.cli.main import COMMANDS, list_available
from tests.architecture.tree import ROOMS, ROOT

WITH_FAUST = {"worker", "items"}


@pytest.mark.parametrize("room", ROOMS)
def test_no_dependency_ships_a_package_of_our_name(room: str) -> None:
    assert set(packages_distributions()[room]) == {"etalage"}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITH_FAUST))
def test_a_command_loads_without_faust(name: str) -> None:
    code = f"import sys; from streams.cli.main import load; load({name!r}); sys.exit('faust' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_every_command_of_the_list_exists() -> None:
    assert set(list_available()) == set(COMMANDS)
