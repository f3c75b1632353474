"""`make soak-mutants`: take each safeguard away and see the fault run go red. A green mutant is our defect.

Each mutant meets the fault its safeguard is there for, with seeds until it is noticed or the tries run out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from msgspec.structs import replace

from tests.faults.run import FaultReport, Plan, run

TRIES = 3
QUIET = Plan(seed=0, events=10_000, visitors=400, rate=700.0, settle_s=40)

PLANS: dict[str, Plan] = {
    # A woken zombie writes what it had in hand when it was stopped: versions go backwards.
    "no_fence": replace(QUIET, rate=1500.0, events=30_000, visitors=60, faults=("zombie",) * 4),
    # A restored Redis is written on: what it forgot is never folded again.
    "no_done_check": replace(QUIET, faults=("take_snapshot", "restore_redis", "restore_redis")),
    # A kill between the mark and the states: those records are never folded.
    "ack_before_write": replace(QUIET, faults=("kill_worker",) * 8),
    # A client's retry counts twice.
    "no_message_id": QUIET,
    # So does one of long ago.
    "no_window": replace(QUIET, visitors=60),
    # What a worker that was killed knew is known to the next one.
    "window_unwritten": replace(QUIET, visitors=60, faults=("kill_worker",) * 2),
}


def hunt(name: str, seed: int) -> FaultReport:
    """The first red report of a mutant, else its last green one."""
    for attempt in range(TRIES):
        with tempfile.TemporaryDirectory(prefix="etalage-mutant-") as folder:
            plan = replace(PLANS[name], seed=seed + attempt, mutant=name)
            report = run(plan, Path(folder), f"m{(seed + attempt) % 100_000}")
        assert report.checked, f"the run itself failed: {report.text()}"
        if report.wrong:
            break
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(PLANS))
    args = parser.parse_args()
    green = []
    for name in [args.only] if args.only else PLANS:
        report = hunt(name, args.seed)
        sys.stdout.write(f"{name}: {'red, as it must be: ' + report.wrong[0] if report.wrong else 'GREEN'}\n")
        sys.stdout.flush()
        green += [] if report.wrong else [name]
    sys.exit(f"the harness does not notice: {', '.join(green)}" if green else 0)


if __name__ == "__main__":
    main()
