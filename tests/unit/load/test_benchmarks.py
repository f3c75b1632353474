"""The benchmarks that need no servers run, and the careless twin ranks."""

from __future__ import annotations

from pathlib import Path

import msgspec
import orjson
import pytest

from streams.demo.catalogue import OPENED, demo_items
from tests.load import decide, fold
from tests.load.careless_twin import CANDIDATES, Shop, counts_of
from tests.load.requirements import REQUIREMENTS
from tests.load.traffic import browsing_events


def say_nothing(_: str) -> None:
    pass


def test_decide_measures_all_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("VISITORS", 10), ("ROUNDS", 1), ("SIZES", (1, 10)), ("FEW", 60), ("MANY", 120)):
        monkeypatch.setattr(decide, name, value)
    keys = {f.key for f in decide.measure(1, say_nothing)}
    assert keys == {key for key in REQUIREMENTS if key.startswith(("decide.1.", "decide.10."))}


def test_fold_measures_all_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("VISITORS", 5), ("EVENTS", 3), ("ROUNDS", 1)):
        monkeypatch.setattr(fold, name, value)
    figures = fold.measure(1, say_nothing)
    assert {f.key for f in figures} == {key for key in REQUIREMENTS if key.startswith("fold.")}
    assert all(f.median > 0 for f in figures)


def test_fold_folds_every_record_of_every_visitor() -> None:
    records = fold.records_of(visitors=5, events=30)
    assert len(fold.fold_all(records)) == 5
    assert len(fold.count_all(records)) == 5


def test_more_events_of_the_same_visitors_have_other_message_ids() -> None:
    items = demo_items(20)
    first = browsing_events(items, visitors=2, count=4, seed=1)
    more = browsing_events(items, visitors=2, count=4, seed=1, first=4)
    assert {one.key for one in first} == {one.key for one in more}
    ids = [orjson.loads(one.value(b"now"))["message_id"] for one in (*first, *more)]
    assert len(set(ids)) == 8


@pytest.fixture
def twin(tmp_path: Path) -> Shop:
    path = tmp_path / "items.ndjson"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, demo_items(300))))
    return Shop(str(path))


def test_the_twin_ranks_its_candidates_by_what_it_counted(twin: Shop) -> None:
    counters: dict[str, float] = {}
    for one in browsing_events(demo_items(300), visitors=1, count=30, seed=3):
        for key, amount in counts_of(orjson.loads(one.value(OPENED.isoformat().encode()))):
            counters[key] = counters.get(key, 0) + amount
    rows = twin.candidates(counters)
    ranked = twin.rank(counters, rows)
    assert len({item["id"] for item in ranked}) == CANDIDATES
    scores = [item["score"] for item in ranked]
    assert scores == sorted(scores, reverse=True)
    assert twin.rank({}, rows) != ranked
