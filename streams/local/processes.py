"""Starts and stops child processes: each in a session of its own, with a log, ending with its parent."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

PARENT_DEATH_SHIM = Path(__file__).parent / "servers" / "parent_death_shim.py"
STOP_WITHIN_S = 20.0
LOG_MESSAGE_MAX = 300
Popen = subprocess.Popen[bytes]

_SpawnRequest = tuple[Callable[[], Popen], Future[Popen]]
_requests: queue.SimpleQueue[_SpawnRequest] = queue.SimpleQueue()
_spawner_lock = threading.Lock()
_spawner: threading.Thread | None = None


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
) -> Popen:
    """Start a process that dies with this one, even when this one is killed (Linux only).

    Args:
        argv: Program and arguments.
        log: File to which standard output and error are appended; missing folders are created.
        env: Added to our environment.
        keep: File descriptors that the child inherits.

    Returns:
        The running process, leader of a session of its own.

    Raises:
        OSError: The log cannot be opened, or Python not be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-I", "-S", str(PARENT_DEATH_SHIM), str(os.getpid()), *map(str, argv)]

    def start() -> Popen:
        with log.open("ab") as out:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=tuple(keep),
                start_new_session=True, env={**os.environ, **(env or {})},
            )  # fmt: skip

    return _run_in_spawner(start)


def stop(child: Popen, *, within_s: float = STOP_WITHIN_S) -> int:
    """Send TERM, then do what `await_end` does."""
    terminate(child)
    return await_end(child, within_s=within_s)


def await_end(child: Popen, *, within_s: float) -> int:
    """Wait at most `within_s` seconds for a child that was sent TERM, then KILL what is left of its session.

    It sends no second TERM: one that arrives while the first is handled would interrupt the handler.

    Returns:
        The exit code of the child.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(within_s)
    return kill(child)


def terminate(child: Popen) -> None:
    """Send TERM to a running child; CONT after it, since a stopped one (SIGSTOP) would not handle it."""
    if child.poll() is None:
        signal_session(child, signal.SIGTERM)
        signal_session(child, signal.SIGCONT)


def kill(child: Popen) -> int:
    """Send KILL to the child and everything in its session; returns the exit code."""
    signal_session(child, signal.SIGKILL)
    return child.wait()


def signal_session(child: Popen, number: signal.Signals) -> None:
    """Send a signal to the child and everything in its session; one that has ended is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def log_tail(log: Path, lines: int = 3) -> str:
    """Return the last lines of a log as one line, for an error message; empty when there is no log."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def last_log_message(log: Path) -> str:
    """Return the last line of a log, at most LOG_MESSAGE_MAX characters; of JSON its message and error."""
    line = log_tail(log, 1)
    try:
        record = json.loads(line)
        line = ": ".join(str(record[name]) for name in ("message", "error") if name in record) or line
    except (ValueError, TypeError):
        pass
    return line[-LOG_MESSAGE_MAX:]


def _run_in_spawner(start: Callable[[], Popen]) -> Popen:
    """Run `start` in one thread that never ends.

    Linux sends the parent-death signal when the *thread* that started the child ends, and threads of a pool
    may end before the process does.
    """
    global _spawner
    with _spawner_lock:
        if _spawner is None or not _spawner.is_alive():
            _spawner = threading.Thread(target=_serve_requests, name="spawner", daemon=True)
            _spawner.start()
    done: Future[Popen] = Future()
    _requests.put((start, done))
    return done.result()


def _serve_requests() -> None:
    while True:
        start, done = _requests.get()
        try:
            done.set_result(start())
        except BaseException as exc:
            done.set_exception(exc)
