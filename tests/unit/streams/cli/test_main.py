"""The `etalage` command: what goes wrong is one line and a code."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from schemas.errors import ServiceMissing
from streams.cli import main as cli
from streams.cli.data import topics
from streams.demo.shoppers.population import PopulationPlan, PopulationStats, browse
from streams.runtime.tasks import cancel_and_wait
from tests.unit.streams.cli.command import run_command


def test_without_words_it_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command() == 0
    said = capsys.readouterr().out
    assert all(name in said for name in cli.list_available())


def test_an_unknown_command_is_one_line_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("topic") == cli.REFUSED
    assert capsys.readouterr().err == "etalage: no command 'topic'; did you mean topics?\n"


def test_a_refusal_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ETALAGE_KAFKA", raising=False)
    monkeypatch.setenv("ETALAGE_DATA", str(tmp_path))  # nothing runs there
    assert run_command("topics", "list") == cli.REFUSED
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("etalage: no Kafka is known")
    assert said.err.count("\n") == 1


def test_a_setting_that_is_wrong_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETALAGE_PORT", "eighty")
    assert run_command("topics", "list") == cli.REFUSED
    assert capsys.readouterr().err.startswith("etalage: ETALAGE_PORT: ")


def test_our_own_fault_is_one_line_and_another_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(topics, "list_topics", fail)
    monkeypatch.delenv("ETALAGE_LOG_LEVEL", raising=False)
    assert run_command("topics", "list") == cli.DEFECT
    said = capsys.readouterr().err
    assert said.startswith("etalage: unexpected RuntimeError: two lines")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("topics list --nonsense", "no such option: --nonsense; `etalage topics list --help` says more"),
        ("topics lists", "no such command 'lists'; did you mean 'list'?\n"),
        ("topics shw", "no such command 'shw'; `etalage topics --help` says more\n"),
        ("up --port abc", "--port: a whole number from 0 to 65535, not 'abc'"),
        ("up --port 70000", "--port: a whole number from 0 to 65535, not '70000'"),
        ("up --namespace A", "--namespace: 1 to 20 of a-z, 0-9 and -, not 'A'"),
        ("up x", "got unexpected extra argument(s) (x); `etalage up --help` says more"),
        ("catalog list --limit 0", "--limit: a whole number of at least 1, not '0'"),
        ("events send x --rate fast", "--rate: a number of at least 0.1, not 'fast'"),
        ("events send", "FILE is missing; `etalage events send --help` says more"),
        ("events send /nope", "/nope: No such file or directory"),
        ("layout home", "--visitor is missing; `etalage layout --help` says more"),
        ("layout home sneakers --visitor a:x", "home is about nothing in particular: leave out 'sneakers'"),
        ("layout cart a b --visitor a:x", "cart is about nothing in particular: leave out 'a b'"),
        ("layout product --visitor a:x", "ITEM is missing: `etalage layout product ITEM`"),
        ("layout category --visitor a:x", "CATEGORY is missing: `etalage layout category CATEGORY`"),
        ("layout search --visitor a:x", "WORDS is missing: `etalage layout search WORDS`"),
        ("layout home --visitor a:x --url x", "--url: http://host:port, not 'x'"),
        ("dead-letters list --reason x", "--reason: one of invalid, tombstone, too_large, "),
        ("demo catalogue /nope/x", "/nope/x: No such file or directory"),
        ("demo catalogue x --at noon", "--at: a date or time as 2026-11-24 or 2026-11-24T15:00, not 'noon'"),
        ("storefront push /dev/null", "null is empty"),
        ("train --out /dev/null", "/dev/null: File exists"),
        ("visitor show x", "a visitor is `u:` or `a:` and 1-126 printable ASCII characters, not 'x'"),
    ],
)
def test_words_that_are_wrong_are_one_line(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(*words.split()) == cli.REFUSED
    said = capsys.readouterr()
    assert said.err.startswith(f"etalage: {told}")
    assert (said.err.count("\n"), said.out) == (1, "")


def test_the_name_of_a_group_lists_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("catalog") == cli.REFUSED
    said = capsys.readouterr()
    assert "remove" in said.out + said.err
    assert "etalage:" not in said.err


def test_a_command_may_choose_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave_with_three(*_: object) -> None:
        raise typer.Exit(3)

    monkeypatch.setattr(topics, "list_topics", leave_with_three)
    assert run_command("topics", "list") == 3


def test_an_interrupt_is_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "dispatch", interrupt)
    assert run_command("topics") == cli.INTERRUPTED


def test_errors_of_many_lines_become_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> int:
        raise ServiceMissing("first\n  second")

    monkeypatch.setattr(cli, "dispatch", refuse)
    assert run_command("topics") == cli.REFUSED
    assert capsys.readouterr().err == "etalage: first second\n"


@pytest.mark.parametrize("words", ["--help", "storefront default", "storefront --help", "--version"])
def test_nobody_reading_on_is_a_quiet_end(words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *words.split()],
        stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


async def browse_until_a_failure(plan: PopulationPlan, stats: PopulationStats) -> None:
    crowd = asyncio.create_task(browse(plan, stats))
    while not stats.failures:  # noqa: ASYNC110 - it is a count, no event
        await asyncio.sleep(0)
    await cancel_and_wait(crowd)


def test_shoppers_of_a_shop_that_never_answers_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli.run.shoppers.browse", browse_until_a_failure)
    with socket.socket() as silent:  # bound, and nobody listens
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert run_command("shoppers", "--url", url, "--for", "60", "--shoppers", "1") == cli.REFUSED
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"etalage: {url} did not answer")
