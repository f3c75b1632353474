"""What bandit finds is judged; the audit tells a finding from a missing feed; the SBOM names all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.architecture.dependency_audit import NO_FEED, judge
from tests.architecture.tree import ROOT

STARTS = "starts programs that we name, without a shell; no word of a caller is among its arguments"
NO_SECRET = "draws what is shown or how long to wait, nothing that must not be guessed"
NARROWS = "tells mypy what cannot be otherwise; nothing is guarded by it"

JUDGED = {
    ("models/__init__.py", "B101"): NARROWS,
    ("streams/cli/gateway_client.py", "B310"): "a command's own gateway, at an address its user gave",
    ("streams/demo/catalogue.py", "B311"): NO_SECRET,
    ("streams/demo/shoppers/population.py", "B311"): NO_SECRET,
    ("streams/demo/shoppers/preferences.py", "B311"): NO_SECRET,
    ("streams/gateway/access/callers.py", "B101"): NARROWS,
    ("streams/gateway/demo_mount.py", "B101"): NARROWS,
    ("streams/gateway/layouts/stream.py", "B311"): NO_SECRET,
    ("streams/local/processes.py", "B404"): STARTS,
    ("streams/local/processes.py", "B603"): STARTS,
    ("streams/local/servers/java.py", "B404"): STARTS,
    ("streams/local/servers/java.py", "B603"): STARTS,
    ("streams/local/servers/kafka.py", "B404"): STARTS,
    ("streams/local/servers/kafka.py", "B603"): STARTS,
    ("streams/local/servers/parent_death_shim.py", "B606"): STARTS,
    ("streams/local/servers/redis.py", "B404"): STARTS,
    ("streams/local/servers/redis.py", "B603"): STARTS,
    ("streams/local/up.py", "B404"): STARTS,
    ("streams/local/up.py", "B603"): STARTS,
    ("streams/runtime/deadline.py", "B101"): NARROWS,
    ("streams/runtime/retries.py", "B311"): NO_SECRET,
    ("streams/shop/follower.py", "B311"): NO_SECRET,
    ("streams/stores/api_keys.py", "B106"): "takes a secret out of a revoked key",
    ("unit_build.py", "B404"): STARTS,
    ("unit_build.py", "B603"): STARTS,
}
"""By file and check, why a finding is none. One that is no longer found is taken out."""

SERVED = ["schemas", "models", "streams", "unit_build.py", "build_backend.py", "setup.py"]


def run_module(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout, done.stderr
    return done.stdout


def test_what_bandit_finds_is_judged() -> None:
    report = json.loads(run_module("bandit", "-q", "-r", *SERVED, "-f", "json"))
    assert report["errors"] == []
    assert report["metrics"]["_totals"]["loc"] > 10_000
    assert report["metrics"]["_totals"]["nosec"] == 0, "a finding is judged here, where all are seen"
    found = {(one["filename"].removeprefix("./"), one["test_id"]) for one in report["results"]}
    assert found == set(JUDGED)


def test_bandit_sees_a_planted_flaw(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("import pickle\n\ndef load(data):\n    return pickle.loads(data) or eval(data)\n")
    report = json.loads(run_module("bandit", "-q", str(planted), "-f", "json"))
    assert {"B301", "B307"} <= {one["test_id"] for one in report["results"]}


GOOD = {"name": "a", "version": "1", "vulns": []}
FLAW = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


def _judge(*dependencies: object) -> tuple[str, int]:
    return judge(json.dumps({"dependencies": dependencies, "fixes": []}), "")


def test_a_finding_fails_and_a_missing_feed_is_said() -> None:
    assert _judge(GOOD, FLAW, SKIPPED) == ("b 2: CVE-1, mended in 3", 1)
    assert _judge(GOOD) == ("nothing known of 1 packages", 0)
    assert _judge(GOOD, SKIPPED) == (f"nothing known of 1 packages; {NO_FEED}: c", 0)
    for said, code in (_judge(SKIPPED), judge("", "trace\nConnectionError: no route"), judge("", "")):
        assert (said.startswith(NO_FEED), code) == (True, 0)


def test_the_bill_of_materials_names_every_pin(tmp_path: Path) -> None:
    """Made offline: nothing but constraints.txt is read."""
    sbom = tmp_path / "sbom.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.architecture.bill_of_materials", str(sbom)],
        cwd=ROOT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(sbom.read_bytes())
    assert document["bomFormat"] == "CycloneDX"
    named = {f"{one['name']}=={one['version']}" for one in document["components"]}
    pins = {line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")}
    assert named == pins
