"""`etalage doctor --json` prints its findings and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_services_that_do_not_answer_are_findings_and_no_log_lines(tmp_path: Path, free_port: int) -> None:
    closed = f"127.0.0.1:{free_port}"
    given = {"ETALAGE_DATA": str(tmp_path), "ETALAGE_KAFKA": closed, "ETALAGE_REDIS": closed}
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", "doctor", "--json"],
        env=os.environ | given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    findings = {finding["what"]: finding for finding in json.loads(done.stdout)}
    assert findings["Redis"]["found"] == f"Redis at {closed} does not answer: Connection refused"
    assert {findings[name]["state"] for name in ("Kafka", "Redis")} == {"fail"}
    assert (done.stderr, done.returncode) == ("", 1)
