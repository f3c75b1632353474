"""What our own Kafka and Redis share: a locked data folder, a port they keep, start, stop and kill."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Protocol, Self

from schemas.errors import ServiceMissing
from streams.local.processes import Popen, kill, log_tail, signal_session, spawn, stop
from streams.runtime.net import HOST, free_port, owns_port, wait_until

PORT_TRIES = 5


class Recipe(Protocol):
    """How one kind of server is run."""

    name: str
    starts_within_s: float
    stops_within_s: float

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        """Write what the server needs into `data`; the command that runs it."""
        ...

    def answers(self, port: int) -> bool:
        """Whether the server can be used."""
        ...

    def port_was_taken(self, log_text: str) -> bool:
        """Whether it ended because another program had taken a port."""
        ...


class LocalServer:
    """One server with one data folder; it keeps its port and its data over stop, kill and start.

    Without `data` a temporary folder is used, and removed by `stop`.
    """

    def __init__(self, recipe: Recipe, data: Path | str | None = None, *, port: int | None = None) -> None:
        self._recipe = recipe
        self._temporary = data is None
        self._asked_port = port
        self._child: Popen | None = None
        self._lock: int | None = None
        home = Path(tempfile.mkdtemp(prefix="etalage-")) / recipe.name if data is None else Path(data)
        self.data = home.absolute()
        self.log = self.data.with_name(self.data.name + ".log")
        self.port = 0

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running server, else None."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """Start and wait until it can be used; ServiceMissing says why it cannot."""
        if self.pid is not None:
            return
        self._take_folder()
        atexit.register(self.stop)
        asked = self._asked_port or self.port
        for _ in range(1 if asked else PORT_TRIES):
            if self._try(asked or free_port()):
                return
        raise ServiceMissing(f"{self._recipe.name} found no port to listen on ({asked or 'tried several'})")

    def launch(self) -> None:
        """Start it again on its port and data without waiting: see `serves`."""
        self._take_folder()
        atexit.register(self.stop)
        self._child = self._spawn(self.port)

    def serves(self) -> bool:
        """Whether it can be used; the answer of another server on its port does not count."""
        child = self._child
        return child is not None and self._recipe.answers(self.port) and owns_port(child.pid, self.port)

    def stop(self) -> None:
        """Stop politely, then by force; give the folder back (a temporary one is removed)."""
        atexit.unregister(self.stop)
        if self._child is not None:
            stop(self._child, within_s=self._recipe.stops_within_s)
            self._child = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._temporary:
            shutil.rmtree(self.data.parent, ignore_errors=True)

    def kill(self) -> None:
        """End it as a power cut would; `start` brings it back on the same port and data."""
        if self._child is not None:
            kill(self._child)
            self._child = None

    def pause(self) -> None:
        """Let it stand still (SIGSTOP): connections stay open and nothing is answered."""
        if self._child is not None:
            signal_session(self._child, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self._child is not None:
            signal_session(self._child, signal.SIGCONT)

    def copy_data(self, to: Path) -> None:
        """A copy of the data folder as of now: the running server stands still meanwhile."""
        self.pause()
        try:
            shutil.copytree(self.data, to)
        finally:
            self.resume()

    def restore_data(self, copy: Path) -> None:
        """Put a copy in place of the data; only while the server does not run."""
        if self.pid is not None:
            raise RuntimeError(f"{self._recipe.name} still runs")
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(copy, self.data)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _try(self, port: int) -> bool:
        """Start on `port`; False when another program was faster to take it."""
        self.log.unlink(missing_ok=True)
        self.port = port
        self._child = child = self._spawn(port)
        wait_until(lambda: child.poll() is not None or self.serves(), within_s=self._recipe.starts_within_s)
        if child.poll() is None and self.serves():
            return True
        kill(child)
        self._child = None
        if self._recipe.port_was_taken(self.log.read_text(errors="replace")):
            return False
        raise ServiceMissing(f"{self._recipe.name} did not start: {log_tail(self.log)} (log: {self.log})")

    def _spawn(self, port: int) -> Popen:
        self.data.mkdir(parents=True, exist_ok=True)
        command = self._recipe.prepare(self.data, port)
        return spawn(command, log=self.log, keep=[self._lock] if self._lock else [])

    def _take_folder(self) -> None:
        """Lock the folder against a second server; the server holds the lock too, should we die first."""
        if self._lock is not None:
            return
        self.data.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.data.with_name(self.data.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(lock)
            raise ServiceMissing(f"another {self._recipe.name} uses {self.data}; stop it first") from exc
        self._lock = lock
