"""`etalage up` warns before it starts, and survives a full disk."""

from __future__ import annotations

import socket
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

import models
from schemas.errors import EtalageError
from schemas.topics import EVENTS
from streams.kafka.admin import TopicState
from streams.local.instances import STATUS_FILE
from streams.local.up import LocalStack, ProcessCounts
from streams.local.up_status import write_up_status
from streams.runtime.settings import Settings, read_settings


def start_until_kafka(up: LocalStack, notices: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(up, "_notify", notices.append)
    monkeypatch.setattr(up, "_start_kafka", stop)
    with pytest.raises(KeyboardInterrupt):
        up.start()
    up.stop()


@pytest.mark.parametrize("ranker", [None, "none", "/no/such"])
def test_a_ranker_that_cannot_be_used_is_reported_once_before_anything_starts(
    ranker: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    up = LocalStack(Settings(ranker=ranker, port=0), tmp_path, ProcessCounts())
    monkeypatch.setattr(models, "BUILD", models.COMPILED)
    start_until_kafka(up, notices, monkeypatch)
    wanted = "no ranker: no model in /no/such: No such file or directory; popularity ranks, and layouts say "
    assert notices == ([f"{wanted}model_missing"] if ranker == "/no/such" else [])


@pytest.mark.parametrize("build", ["compiled", "interpreted: why"])
def test_an_interpreted_policy_is_reported_once_and_runs(
    build: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    up = LocalStack(Settings(port=0), tmp_path, ProcessCounts())
    monkeypatch.setattr(models, "BUILD", build)
    start_until_kafka(up, notices, monkeypatch)
    allowed = up._environment().get("ETALAGE_COMPILED")
    if build == models.COMPILED:
        assert (notices, allowed) == ([], None)
    else:
        wanted = "the policy is interpreted: why; each page takes many times as long"
        assert (notices, allowed) == ([wanted], "0")


def test_a_port_that_is_taken_names_both_ways_to_choose_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        up = LocalStack(Settings(port=other.getsockname()[1]), tmp_path, ProcessCounts())
        with pytest.raises(EtalageError, match="--port or ETALAGE_PORT "):
            up.start()


def test_a_full_disk_is_reported_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    up = LocalStack(Settings(), tmp_path, ProcessCounts())
    monkeypatch.setattr(up, "_notify", notices.append)

    def full(*_: Any) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("streams.local.up.write_up_status", full)
    assert not up._tick().ready
    up._tick()
    assert notices == [f"{tmp_path} cannot be written (No space left on device): trying again until it can"]
    monkeypatch.setattr("streams.local.up.write_up_status", write_up_status)
    up._tick()
    assert (tmp_path / STATUS_FILE).exists()
    assert notices[1:] == [f"{tmp_path} can be written again"]


@pytest.mark.parametrize(
    ("workers", "stands", "given", "partitions"),
    [(1, None, None, 8), (12, None, None, 12), (1, 16, None, 16), (12, 4, None, 4), (1, None, "32", 32)],
    ids=["new", "many workers", "made before", "made with fewer", "asked for"],
)
def test_how_many_partitions_a_namespace_gets(
    workers: int,
    stands: int | None,
    given: str | None,
    partitions: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    there = [TopicState(name=EVENTS.full_name("etalage"), partitions=stands or 0, topic_id="x")]
    monkeypatch.setattr("streams.local.up.list_topics", lambda _: there if stands else [])
    monkeypatch.setattr("streams.local.up.create_topics", lambda settings: made.append(settings.partitions))
    monkeypatch.delenv("ETALAGE_PARTITIONS", raising=False)
    if given is not None:
        monkeypatch.setenv("ETALAGE_PARTITIONS", given)
    up = LocalStack(read_settings(), tmp_path, ProcessCounts(workers=workers))
    up._create_topics()
    assert made == [partitions]
    assert up._status().partitions == partitions, "commands that find this `up` must agree with it"
