"""The `etalage` command: imports the module of one subcommand and runs it.

Only that module is imported, so that `etalage layout` never loads Faust. It offers `app` (a group) or `run`
(one command). An EtalageError is one line on stderr and exit code 2; any other exception is one line and exit
code 70.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Literal, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from schemas.errors import EtalageError
from streams.cli.usage_errors import UsageError, format_usage_error
from streams.runtime.telemetry.terminal import TerminalConsole, say

REFUSED = 2
DEFECT = 70
INTERRUPTED = 130


class Command(NamedTuple):
    """The package below `streams.cli` that holds a subcommand's module, and its line in `etalage --help`."""

    package: Literal["run", "data", "inspect", "model"]
    help: str


COMMANDS: Mapping[str, Command] = {
    "up": Command("run", "Start everything on this machine: Kafka, Redis, worker, gateway, the demo shop."),
    "restart": Command("run", "Restart the processes of a running `up` one after the other."),
    "worker": Command("run", "Fold events into visitors and keep their windows dressed."),
    "gateway": Command("run", "Answer HTTP: events in, layouts out, pushes to open pages."),
    "items": Command("run", "Sum what the crowd does to each product."),
    "shoppers": Command("run", "Let simulated shoppers browse."),
    "topics": Command("data", "Create and list the Kafka topics."),
    "catalog": Command("data", "Push, remove and list products."),
    "storefront": Command("data", "Push and show pages, modules and rules."),
    "events": Command("data", "Send recorded events."),
    "redis-acl": Command("data", "Print users for Redis, with least privilege."),
    "keys": Command("data", "Create, list and revoke API keys."),
    "layout": Command("inspect", "Decide and print one layout."),
    "visitor": Command("inspect", "Show what is known of a visitor."),
    "replay": Command("inspect", "Walk a recorded session through the system without any service."),
    "train": Command("model", "Train the ranker."),
    "evaluate": Command("model", "Measure a ranker against popularity."),
    "dead-letters": Command("inspect", "List and show the records that could not be applied."),
    "demo": Command("data", "Write files for the demo shop."),
    "doctor": Command("inspect", "Check whether this machine has what is needed."),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one subcommand and exit with its code; `arguments` default to those of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = dispatch(words)
    except EtalageError as exc:
        code = _report_refusal(exc)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (BrokenPipeError, SystemExit) as exc:
        if not _is_broken_pipe(exc):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as exc:
        code = _report_defect(exc)
    sys.exit(code)


def dispatch(words: Sequence[str]) -> int:
    """Run the subcommand that `words` begin with; returns its exit code.

    Raises EtalageError for an unknown command or wrong options, and whatever the command raises.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        _print_commands()
        return 0
    if words[0] in ("-V", "--version"):
        say(f"etalage {version('etalage')}")
        return 0
    if words[0] not in list_available():
        near = difflib.get_close_matches(words[0], list_available(), n=1)
        hint = f"did you mean {near[0]}?" if near else "`etalage --help` lists all"
        raise EtalageError(f"no command {words[0]!r}; {hint}")
    return _run(words[0], words[1:])


def list_available() -> list[str]:
    """Return the names of the commands whose module is installed."""
    return [name for name in COMMANDS if importlib.util.find_spec(_module(name))]


def _run(name: str, rest: Sequence[str]) -> int:
    logging.getLogger().addHandler(logging.NullHandler())  # log records of libraries are not shown
    try:
        code = load(name)(args=list(rest), prog_name=f"etalage {name}", standalone_mode=False)
    except UsageError as exc:
        if not exc.format_message():  # a group without a command: typer has printed its help
            return REFUSED
        raise EtalageError(format_usage_error(exc)) from exc
    return code if isinstance(code, int) else 0


def load(name: str) -> typer.Typer:
    """Import a subcommand and return its typer app; a group stays a group even with one command in it."""
    module = importlib.import_module(_module(name))
    app: typer.Typer | None = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(help=module.run.__doc__)(module.run)
        return app
    app._add_completion = False  # a subcommand cannot install completion for `etalage`
    if app.registered_callback is None and len(app.registered_commands) == 1:
        app.callback()(_group)  # without a callback typer drops the name of a group's only command
    return app


def _group() -> None:
    """Several commands under one name."""


def _module(name: str) -> str:
    return f"streams.cli.{COMMANDS[name].package}.{name.replace('-', '_')}"


def _print_commands() -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name in list_available():
        table.add_row(Text(name, "bold"), COMMANDS[name].help)
    console = TerminalConsole()
    console.print("Usage: etalage COMMAND [ARGS]…   (`etalage COMMAND --help` says more)\n")
    console.print(table)


def _is_broken_pipe(exc: BaseException) -> bool:
    """Whether stdout was closed, as by `etalage … | head`; rich and typer turn that into a SystemExit."""
    return isinstance(exc, BrokenPipeError) or isinstance(exc.__context__, BrokenPipeError)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def _report_refusal(exc: EtalageError) -> int:
    say(f"etalage: {_one_line(exc) or type(exc).__name__}", err=True)
    return REFUSED


def _report_defect(exc: Exception) -> int:
    if os.environ.get("ETALAGE_LOG_LEVEL") == "debug":
        raise exc
    hint = "ETALAGE_LOG_LEVEL=debug shows where"
    say(f"etalage: unexpected {type(exc).__name__}: {_one_line(exc)} ({hint})", err=True)
    return DEFECT


if __name__ == "__main__":
    main()
