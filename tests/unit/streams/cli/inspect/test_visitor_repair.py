"""What `etalage visitor repair` takes, and what it says of a repair."""

from __future__ import annotations

import pytest

from schemas.ids import VisitorId
from streams.cli import main as cli
from streams.cli.inspect.visitor_repair import describe_repair
from streams.stores.protocols import Quarantined
from streams.workers.repair import Repaired
from tests.unit.streams.cli.command import run_command

ANN = VisitorId("u:ann")
KEPT = Quarantined(visitor=ANN, partition=1, found="list", key="q:{x.1}:u:ann:n", at=1.0)


@pytest.mark.parametrize("words", [[], ["u:ann", "--all"]])
def test_one_visitor_or_all(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("visitor", "repair", *words) == cli.REFUSED
    assert "name one visitor, or --all" in capsys.readouterr().err


def test_what_is_no_visitor_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("visitor", "repair", "ann") == cli.REFUSED
    assert "a visitor is `u:` or `a:`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("records", "log_start", "says"),
    [
        (1, 0, ["folded again from 1 record", KEPT.key]),
        (1200, 5000, ["1,200 records", "begins at offset 5,000", "consent"]),
        (0, 0, ["the log has no record of it"]),
    ],
)
def test_it_says_what_the_state_has_and_lacks(records: int, log_start: int, says: list[str]) -> None:
    repaired = Repaired(
        visitor=ANN, partition=1, records=records, log_start=log_start, done=9000, released=[KEPT]
    )
    said = describe_repair(repaired)
    assert all(part in said for part in says)
    assert ("consent" in said) is (log_start > 0)
