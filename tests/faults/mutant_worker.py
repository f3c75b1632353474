"""`python -m tests.faults.mutant_worker`: a worker with the part replaced that ETALAGE_TEST_MUTANT names."""

from __future__ import annotations

import os

from streams.cli.run.worker import run_with
from streams.runtime.settings import settings_from
from tests.faults.mutants import MUTANTS

NAME = "ETALAGE_TEST_MUTANT"


def main() -> None:
    env = dict(os.environ)
    run_with(settings_from({k: v for k, v in env.items() if k != NAME}), MUTANTS[env[NAME]])


if __name__ == "__main__":
    main()
