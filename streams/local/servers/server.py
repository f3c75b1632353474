"""Runs one server of our own: a locked data folder, a fixed port, start, stop, kill and pause."""

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
from streams.runtime.ports import HOST, free_port, owns_port, wait_until

PORT_TRIES = 5


class Recipe(Protocol):
    """How one kind of server is run.

    Attributes:
        name: Of the server in messages and file names.
        starts_within_s: Seconds after which a server that does not serve has failed to start.
        stops_within_s: Seconds from TERM to KILL.
    """

    name: str
    starts_within_s: float
    stops_within_s: float

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        """Write what the server needs into `data`; returns the command that runs it on `port`.

        Raises ServiceMissing when a program or file cannot be had.
        """
        ...

    def answers(self, port: int) -> bool:
        """Whether a server on `port` of this machine serves clients; waits a few seconds at most."""
        ...

    def port_was_taken(self, log_text: str) -> bool:
        """Whether the server's log says that it ended because a port was in use."""
        ...


class LocalServer:
    """One server with one data folder; it keeps its port and its data over stop, kill and start.

    Attributes:
        data: The data folder, absolute.
        log: Output of the server, a file beside the data folder.
        port: The port it listens on; 0 before the first start.
    """

    def __init__(self, recipe: Recipe, data: Path | str | None = None, *, port: int | None = None) -> None:
        """Choose a folder; nothing is started.

        Args:
            recipe: How the server is run.
            data: Data folder; None for a temporary one, which `stop` removes.
            port: Port to listen on; None for any free one.
        """
        self._recipe = recipe
        self._temporary = data is None
        self._requested_port = port
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
        """Process id of the running server, else None."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """Start and wait until it serves; does nothing when it runs.

        Raises:
            ServiceMissing: It did not start, its port is in use, or another server uses its data folder.
        """
        if self.pid is not None:
            return
        self._lock_folder()
        atexit.register(self.stop)
        fixed = self._requested_port or self.port
        for _ in range(1 if fixed else PORT_TRIES):
            if self._start_on(fixed or free_port()):
                return
        raise ServiceMissing(f"{self._recipe.name} found no port to listen on ({fixed or 'tried several'})")

    def launch(self) -> None:
        """Start again on the same port and data, without waiting until it serves."""
        self._lock_folder()
        atexit.register(self.stop)
        self._child = self._spawn(self.port)

    def serves(self) -> bool:
        """Whether it serves clients; false when another server answers on its port."""
        child = self._child
        return child is not None and self._recipe.answers(self.port) and owns_port(child.pid, self.port)

    def stop(self) -> None:
        """Send TERM, then KILL; unlock the data folder, and remove a temporary one."""
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
        """Send KILL, as a power cut would; `start` continues on the same port and data."""
        if self._child is not None:
            kill(self._child)
            self._child = None

    def pause(self) -> None:
        """Send SIGSTOP: connections stay open and nothing is answered."""
        if self._child is not None:
            signal_session(self._child, signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT."""
        if self._child is not None:
            signal_session(self._child, signal.SIGCONT)

    def copy_data(self, to: Path) -> None:
        """Copy the data folder to `to`; the running server is paused meanwhile."""
        self.pause()
        try:
            shutil.copytree(self.data, to)
        finally:
            self.resume()

    def restore_data(self, copy: Path) -> None:
        """Replace the data folder by a copy; raises RuntimeError while the server runs."""
        if self.pid is not None:
            raise RuntimeError(f"{self._recipe.name} still runs")
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(copy, self.data)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_on(self, port: int) -> bool:
        """Start on `port` and wait; returns False when another program took the port first."""
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

    def _lock_folder(self) -> None:
        """Lock the folder against a second server; the child inherits the lock, in case we die first."""
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
