"""`etalage doctor` looks at the ranker that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

import models
from models.ranking.manifest import MANIFEST_FILE, MODEL_FILE
from models.ranking.onnx import load_ranker
from streams.local.doctor import Finding, examine


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server is configured, and no `etalage up` runs in the data folder."""
    for name in ("ETALAGE_KAFKA", "ETALAGE_REDIS", "ETALAGE_RANKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ETALAGE_DATA", str(tmp_path))


def ranker() -> Finding:
    (found,) = (finding for finding in examine() if finding.what == "ranker")
    return found


def test_the_packaged_ranker_is_found() -> None:
    packaged = load_ranker()
    assert ranker() == Finding("ranker", "ok", f"{packaged.name} {packaged.version}, the packaged one")


def test_none_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_RANKER", "none")
    assert ranker() == Finding("ranker", "ok", "popularity only: ETALAGE_RANKER is none")


def test_a_folder_that_is_not_there_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_RANKER", "/no/such")
    assert ranker() == Finding("ranker", "fail", "no model in /no/such: No such file or directory")


def test_a_broken_model_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / MANIFEST_FILE).write_text("{}")
    (tmp_path / MODEL_FILE).write_bytes(b"not a model")
    monkeypatch.setenv("ETALAGE_RANKER", str(tmp_path))
    found = ranker()
    assert found.state == "fail"
    assert found.found.startswith(f"{MANIFEST_FILE} is not a manifest: ")


@pytest.mark.parametrize(("build", "state"), [("compiled", "ok"), ("interpreted: why", "warn")])
def test_the_build_of_the_policy_is_named(build: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "BUILD", build)
    assert [f for f in examine() if f.what == "policy"] == [Finding("policy", state, build)]  # type: ignore[arg-type]
