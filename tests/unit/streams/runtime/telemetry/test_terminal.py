"""Text from outside is printed, never obeyed."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from streams.cli.data.catalog import _build_table
from streams.runtime.telemetry.terminal import TerminalConsole, say, visible
from tests.unit.models.catalog.small_catalogue import item

HOSTILE = "[/x] [bold red]sale :smile: \x1b[31m\x07 \u202eabc"
SHOWN = r"[/x] [bold red]sale :smile: \x1b[31m\x07 \u202eabc"


def printed(what: object) -> str:
    console = TerminalConsole(width=200)
    console.file = io.StringIO()
    console.print(what)
    return console.file.getvalue()


def test_control_characters_are_shown() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("Käse\t中文\n") == "Käse\t中文\n"


def test_a_console_prints_text_as_it_is() -> None:
    table = Table("title", title=HOSTILE)
    table.add_row(HOSTILE)
    assert printed(table).count(SHOWN) == 2
    assert SHOWN in printed(HOSTILE)


def test_a_product_with_such_an_id_is_listed() -> None:
    assert printed(_build_table([item(HOSTILE, 5.0, title=HOSTILE)])).count(SHOWN) == 2


def test_a_line_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    say(HOSTILE, err=True)
    out, err = capsys.readouterr()
    assert out == err == SHOWN + "\n"
