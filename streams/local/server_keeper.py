"""Restarts our own Kafka and Redis while `etalage up` runs, each on the same port and data directory."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from streams.local.child import HANGS, SILENT_S, HeartbeatMonitor, Notify, RestartBackoff
from streams.local.processes import last_log_message
from streams.local.servers.server import LocalServer
from streams.local.up_status import ServerStatus
from streams.runtime.telemetry.logs import LogOnce

PROBE_EVERY_S = 1.0


class ServerKeeper:
    """Keeps one server running; call `tick` a few times a second, it never waits for the server.

    A server that hangs is reported and not killed: it may be busy with our data.
    """

    def __init__(self, name: str, server: LocalServer, notify: Notify) -> None:
        self._name, self._server, self._notify = name, server, notify
        self._backoff = RestartBackoff()
        self._launched = self._serves = False
        self._heartbeat, self._hang_reported = HeartbeatMonitor(), LogOnce()
        self._prober = ThreadPoolExecutor(1, thread_name_prefix=f"probe-{name}")
        self._probe: Future[bool] | None = None
        self._next_probe_at = 0.0

    def start(self) -> None:
        """Start the server and wait until it serves; raises ServiceMissing when it cannot."""
        self._server.start()
        self._launched = self._serves = True

    def tick(self, now: float) -> None:
        """Relaunch a server that ended, when that is due; report that it ended, hangs or serves again.

        Args:
            now: Seconds of a monotonic clock.

        Raises:
            OSError: It could not be launched; the next tick retries.
        """
        if self._launched and self._server.pid is None:
            self._handle_exit(now)
        if not self._launched and self._backoff.is_due(now):
            self._backoff.note_start(now)
            self._server.launch()
            self._launched = True
        if self._launched:
            self._check_heartbeat(now, answered=self._poll_probe(now))

    def status(self) -> ServerStatus:
        """Return the status as of now, for status.json."""
        pid = self._server.pid
        hangs = self._heartbeat.silent_s > SILENT_S
        return ServerStatus(
            pid=pid,
            address=self._server.address,
            log=str(self._server.log),
            restarts=self._backoff.restarts,
            ready=self._serves and not hangs and pid is not None,
            reason=HANGS if hangs else None,
        )

    def stop(self) -> None:
        """Stop the server with SIGTERM, then SIGKILL."""
        self._launched = self._serves = False
        self._prober.shutdown(wait=False)
        self._server.stop()

    def _handle_exit(self, now: float) -> None:
        self._launched = self._serves = False
        self._probe, self._heartbeat, self._hang_reported = None, HeartbeatMonitor(), LogOnce()
        wait_s, log = self._backoff.note_end(now), self._server.log
        last = f"(log: {log}); its last words: {last_log_message(log)}"
        self._notify(f"{self._name} ended, again in {wait_s:.1f} s {last}")

    def _poll_probe(self, now: float) -> bool:
        """Whether a probe found the server serving; it runs in a thread, since a hanging server blocks it."""
        if self._probe is None:
            if now >= self._next_probe_at:
                self._probe = self._prober.submit(self._server.serves)
            return False
        if not self._probe.done():
            return False
        answered, self._probe = self._probe.result(), None
        self._next_probe_at = now + (PROBE_EVERY_S if answered else 0)
        return answered

    def _check_heartbeat(self, now: float, *, answered: bool) -> None:
        """Reports once that the server hangs, and once that it answers again.

        A server that has not served since its launch is not ready yet, rather than hanging.
        """
        self._serves = self._serves or answered
        silent_s = self._heartbeat.observe(now, heartbeat=answered or not self._serves)
        if silent_s > SILENT_S and self._hang_reported.begins():
            log = self._server.log
            self._notify(f"{self._name} does not answer for {SILENT_S:.0f} s; it runs on (log: {log})")
        elif answered and self._hang_reported.ends():
            self._notify(f"{self._name} answers again")
