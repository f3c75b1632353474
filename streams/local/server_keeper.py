"""Our own Kafka and Redis while `etalage up` runs: one that dies comes back on its port, with its data."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from streams.local.processes import last_words
from streams.local.servers.server import LocalServer
from streams.local.supervisor import HANGS, SILENT_S, HeartbeatMonitor, Notice, RestartBackoff, ServerStatus
from streams.runtime.telemetry.logs import LogOnce

LOOK_EVERY_S = 1.0


class KeptServer:
    """One server; `tend` has to be called a few times a second and never waits for it.

    One that hangs is told, not killed: it may be busy with our data.
    """

    def __init__(self, name: str, server: LocalServer, notice: Notice) -> None:
        self._name, self._server, self._notice = name, server, notice
        self._turns = RestartBackoff()
        self._launched = self._serves = False
        self._silence, self._told = HeartbeatMonitor(), LogOnce()
        self._asker = ThreadPoolExecutor(1, thread_name_prefix=f"ask-{name}")
        self._asked: Future[bool] | None = None
        self._ask_at = 0.0

    def start(self) -> None:
        """Start it and wait until it can be used; ServiceMissing says why it cannot."""
        self._server.start()
        self._launched = self._serves = True

    def tend(self, now: float) -> None:
        """Notice that it ended or hangs, launch it when that is due, and notice when it serves again."""
        if self._launched and self._server.pid is None:
            self._launched = self._serves = False
            self._asked, self._silence, self._told = None, HeartbeatMonitor(), LogOnce()
            wait_s = self._turns.ended(now)
            log = self._server.log
            said = f"(log: {log}); its last words: {last_words(log)}"
            self._notice(f"{self._name} ended, again in {wait_s:.1f} s {said}")
        if not self._launched and self._turns.due(now):
            self._turns.started(now)
            self._server.launch()
            self._launched = True
        if self._launched:
            self._listen(now, answered=self._answered(now))

    def status(self) -> ServerStatus:
        """As it is now."""
        pid = self._server.pid
        hangs = self._silence.seconds > SILENT_S
        return ServerStatus(
            pid=pid,
            address=self._server.address,
            log=str(self._server.log),
            restarts=self._turns.restarts,
            ready=self._serves and not hangs and pid is not None,
            reason=HANGS if hangs else None,
        )

    def stop(self) -> None:
        """Stop politely, then by force."""
        self._launched = self._serves = False
        self._asker.shutdown(wait=False)
        self._server.stop()

    def _answered(self, now: float) -> bool:
        """Whether an answer has come; asked beside us, because one that hangs lets us wait."""
        if self._asked is None:
            if now >= self._ask_at:
                self._asked = self._asker.submit(self._server.serves)
            return False
        if not self._asked.done():
            return False
        answered, self._asked = self._asked.result(), None
        self._ask_at = now + (LOOK_EVERY_S if answered else 0)
        return answered

    def _listen(self, now: float, *, answered: bool) -> None:
        """One that has not answered since it was launched is only not ready yet."""
        self._serves = self._serves or answered
        silent_s = self._silence.look(now, sign=answered or not self._serves)
        if silent_s > SILENT_S and self._told.begins():
            log = self._server.log
            self._notice(f"{self._name} does not answer for {SILENT_S:.0f} s; it runs on (log: {log})")
        elif answered and self._told.ends():
            self._notice(f"{self._name} answers again")
