"""`etalage doctor`: checks whether this machine has what is needed, one line per check."""

from __future__ import annotations

import typer
from rich.table import Table
from rich.text import Text

from schemas.codec import encode
from streams.cli.options import AsJson, Data
from streams.local.doctor import Finding, examine
from streams.runtime.telemetry.terminal import TerminalConsole

MARKS = {"ok": Text("ok", "green"), "warn": Text("look", "yellow"), "fail": Text("no", "red")}


def run(
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check Python, compiled parts, the ranker and its runtime, Java, Redis, ports and given addresses."""
    findings = examine(data)
    if as_json:
        typer.echo(encode(findings))
    else:
        _print_table(findings)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def _print_table(findings: list[Finding]) -> None:
    table = Table("what", "", "found")
    for finding in findings:
        table.add_row(finding.what, MARKS[finding.state], finding.found)
    TerminalConsole().print(table)
