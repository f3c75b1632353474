"""`make audit`: known vulnerabilities of what constraints.txt pins; says when nobody could tell.

A machine without network, or an index without the advisories (a mirror), has no feed. That is no success and
no finding: it is said, and the exit code is 0. A finding is 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.architecture.tree import ROOT

PINS = ROOT / "constraints.txt"
COMMAND = [
    sys.executable, "-m", "pip_audit", "--requirement", str(PINS), "--no-deps", "--disable-pip",
    "--format", "json", "--progress-spinner", "off",
]  # fmt: skip
WITHIN_S = 300
NO_FEED = "no feed: not audited"


def judge(output: str, why: str) -> tuple[str, int]:
    """What pip-audit's answer means, as text and exit code.

    Args:
        output: its JSON; anything else when it had no answer.
        why: what it said beside it.
    """
    try:
        dependencies: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return (
            f"{NO_FEED} ({why.strip().splitlines()[-1][:200] if why.strip() else 'pip-audit said nothing'})",
            0,
        )
    found = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none'}"
        for one in dependencies
        for flaw in one.get("vulns", ())
    ]
    left_out = [one["name"] for one in dependencies if "vulns" not in one]
    if found:
        return "\n".join(found), 1
    if len(left_out) == len(dependencies):
        return f"{NO_FEED} (the index knows none of {len(dependencies)} packages)", 0
    audited = f"nothing known of {len(dependencies) - len(left_out)} packages"
    return audited + (f"; {NO_FEED}: {', '.join(left_out)}" if left_out else ""), 0


def audit() -> tuple[str, int]:
    """Ask pip-audit; see `judge`."""
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        return f"{NO_FEED} (no answer within {WITHIN_S} s)", 0
    return judge(done.stdout, done.stderr)


if __name__ == "__main__":
    said, code = audit()
    sys.stdout.write(f"dependencies: {said}\n")
    sys.exit(code)
