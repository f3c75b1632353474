"""Child processes: a session of their own, a log, a polite stop, and an end when their parent dies."""

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

SHIM = Path(__file__).parent / "servers" / "shim.py"
STOP_WITHIN_S = 20.0
WORDS_MAX = 300
Popen = subprocess.Popen[bytes]

_Order = tuple[Callable[[], Popen], Future[Popen]]
_orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
_start_lock = threading.Lock()
_spawner: threading.Thread | None = None


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
) -> Popen:
    """Start `argv` so that it dies with this process, even when this one is killed.

    Output is appended to `log`; the file descriptors `keep` are handed on. `env` adds to our environment.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), *map(str, argv)]

    def start() -> Popen:
        with log.open("ab") as out:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=tuple(keep),
                start_new_session=True, env={**os.environ, **(env or {})},
            )  # fmt: skip

    return _from_lasting_thread(start)


def stop(child: Popen, *, within_s: float = STOP_WITHIN_S) -> int:
    """TERM, wait, KILL; the exit code. A child that stands still (SIGSTOP) is woken to hear TERM."""
    if child.poll() is None:
        signal_session(child, signal.SIGTERM)
        signal_session(child, signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(within_s)
    return kill(child)


def kill(child: Popen) -> int:
    """KILL now, with everything that shares its session; the exit code."""
    signal_session(child, signal.SIGKILL)
    return child.wait()


def signal_session(child: Popen, number: signal.Signals) -> None:
    """Send a signal to the child and whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def log_tail(log: Path, lines: int = 3) -> str:
    """The last lines of a log as one line, for an error message."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


def last_words(log: Path) -> str:
    """The last line of a log in brief; of one in JSON what it says to people."""
    line = log_tail(log, 1)
    try:
        said = json.loads(line)
        line = ": ".join(str(said[name]) for name in ("message", "error") if name in said) or line
    except (ValueError, TypeError):
        pass
    return line[-WORDS_MAX:]


def _from_lasting_thread(start: Callable[[], Popen]) -> Popen:
    """Run `start` in one thread that never ends.

    The parent-death signal comes when the *thread* that started the child ends, so a pool's thread must not.
    """
    global _spawner
    with _start_lock:
        if _spawner is None or not _spawner.is_alive():
            _spawner = threading.Thread(target=_serve_orders, name="spawner", daemon=True)
            _spawner.start()
    done: Future[Popen] = Future()
    _orders.put((start, done))
    return done.result()


def _serve_orders() -> None:
    while True:
        start, done = _orders.get()
        try:
            done.set_result(start())
        except BaseException as exc:
            done.set_exception(exc)
