"""Our own Kafka and Redis while `etalage up` runs: one that dies comes back on its port, with its data."""

from __future__ import annotations

from streams.local.processes import last_words
from streams.local.server import LocalServer
from streams.supervisor import Notice, ServerStatus, Turns


class KeptServer:
    """One server; `tend` has to be called a few times a second and never waits for it."""

    def __init__(self, name: str, server: LocalServer, notice: Notice) -> None:
        self._name, self._server, self._notice = name, server, notice
        self._turns = Turns()
        self._launched = self._serves = False

    def start(self) -> None:
        """Start it and wait until it can be used; ServiceMissing says why it cannot."""
        self._server.start()
        self._launched = self._serves = True

    def tend(self, now: float) -> None:
        """Notice that it ended, launch it when that is due, and notice when it serves again."""
        if self._launched and self._server.pid is None:
            self._launched = self._serves = False
            wait_s = self._turns.ended(now)
            said = last_words(self._server.log)
            self._notice(f"{self._name} ended, again in {wait_s:.1f} s (log: {self._server.log}): {said}")
        if not self._launched and self._turns.due(now):
            self._turns.started(now)
            self._server.launch()
            self._launched = True
        if self._launched and not self._serves:
            self._serves = self._server.serves()

    def status(self) -> ServerStatus:
        """As it is now."""
        pid = self._server.pid
        return ServerStatus(
            pid=pid,
            address=self._server.address,
            log=str(self._server.log),
            restarts=self._turns.restarts,
            ready=self._serves and pid is not None,
        )

    def stop(self) -> None:
        """Stop politely, then by force."""
        self._launched = self._serves = False
        self._server.stop()
