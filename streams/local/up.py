"""What `etalage up` raises, in order: servers, topics, a catalogue, processes; and how it all falls again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from schemas.errors import EtalageError, RankerFailed
from streams.local.instances import STATUS_FILE
from streams.local.processes import last_words
from streams.local.server_keeper import KeptServer
from streams.local.servers.kafka import LocalKafka
from streams.local.servers.redis import LocalRedis
from streams.local.servers.server import LocalServer
from streams.local.stocking import stock
from streams.local.supervisor import ChildStatus, Job, ServerStatus, Supervisor, UpStatus, write_up_status
from streams.runtime.net import free_port, listens, wait_until
from streams.runtime.settings import Settings, as_environment
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.shop.build import describe_ranker
from streams.stores.provisioning import create_topics

READY_WITHIN_S = 180.0  # seconds on a quiet machine, minutes on a busy one
TEND_S = 0.2


class LocalStack:
    """One shop on this machine, from nothing to a printed address and back."""

    def __init__(self, settings: Settings, folder: Path, *, workers: int, shoppers: bool) -> None:
        self._settings, self._folder = settings, folder
        self._workers, self._shoppers = workers, shoppers
        self._servers: dict[str, KeptServer] = {}
        self._supervisor: Supervisor | None = None
        self._told: UpStatus | None = None
        self._hindered = LogOnce()
        self._console = Console(stderr=True)
        self.stands = False

    def rise(self) -> None:
        """Everything up to the printed address; each step is one line of progress."""
        steps: list[tuple[str, Callable[[], None]]] = [
            ("Kafka", self._kafka), ("Redis", self._redis), ("topics", self._topics),
            ("catalogue and storefront", self._stock), ("processes", self._processes),
        ]  # fmt: skip
        self._settle_port()
        self._look_at_ranker()
        for title, step in steps:
            with self._console.status(f"{title} …"):
                step()
            self._console.print(f"[green]✓[/] {title}", highlight=False)
        with self._console.status("waiting until all are ready …"):
            self._await_ready()
        self._announce()
        self.stands = True

    def keep(self, stopped: threading.Event) -> None:
        """Tend the children until asked to stop."""
        while not stopped.wait(TEND_S):
            self._tend()

    def fall(self) -> None:
        """Children first, so that they can finish against living servers; then the servers."""
        with self._console.status("stopping …"):
            if self._supervisor is not None:
                self._supervisor.stop()
            for server in reversed(self._servers.values()):
                server.stop()
        (self._folder / STATUS_FILE).unlink(missing_ok=True)

    def _settle_port(self) -> None:
        """One port for the whole run: shoppers must find the gateway, and find it again after its restart."""
        settings = self._settings
        if settings.port and listens(settings.port, settings.host):
            raise EtalageError(
                f"port {settings.port} is taken; choose another with --port or ETALAGE_PORT (0: any free one)"
            )
        self._settings = msgspec.structs.replace(settings, port=settings.port or free_port(settings.host))

    def _look_at_ranker(self) -> None:
        """Processes serve on without it and say so in their logs, where nobody looks who sees a shop."""
        try:
            describe_ranker(self._settings.ranker)
        except RankerFailed as exc:
            self._notice(f"no ranker: {exc}; popularity ranks, and layouts say model_missing")

    def _kafka(self) -> None:
        if self._settings.kafka is None:
            server = LocalKafka(self._folder / "kafka", jars=self._settings.jars)
            self._start("kafka", server)
            self._settings = msgspec.structs.replace(self._settings, kafka=server.address)

    def _redis(self) -> None:
        if self._settings.redis is None:
            server = LocalRedis(self._folder / "redis")
            self._start("redis", server)
            self._settings = msgspec.structs.replace(self._settings, redis=server.address)

    def _start(self, name: str, server: LocalServer) -> None:
        self._servers[name] = KeptServer(name, server, self._notice)
        self._servers[name].start()

    def _topics(self) -> None:
        create_topics(self._settings)

    def _stock(self) -> None:
        stock(self._settings, self._folder, self._run)

    def _run(self, *words: str) -> str:
        """One command of ours to its end; EtalageError with its last words when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli.main", *words],
            env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise EtalageError(f"etalage {' '.join(words[:2])} failed: {' '.join(done.stderr.split()[-60:])}")
        return done.stdout

    def _processes(self) -> None:
        kinds = [f"worker-{n}" for n in range(1, self._workers + 1)] + ["gateway", "items"]
        kinds += ["shoppers"] if self._shoppers else []
        self._supervisor = Supervisor([self._job(name) for name in kinds], self._folder / "run", self._notice)
        self._tend()

    def _job(self, name: str) -> Job:
        kind = name.partition("-")[0]
        mine = {"ETALAGE_WORKER_ID": name, "ETALAGE_SHOP_CACHE": str(self._folder / "run" / f"{name}.shop")}
        argv = [sys.executable, "-m", "streams.cli.main", kind]
        return Job(name=name, argv=argv, env=self._environment() | mine)

    def _environment(self) -> dict[str, str]:
        """Ours without settings that were meant for us alone, then what we found out."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
        return ours | as_environment(msgspec.structs.replace(self._settings, data=None, status=None))

    def _await_ready(self) -> None:
        if not wait_until(lambda: self._tend().ready, within_s=READY_WITHIN_S, every_s=TEND_S):
            raise EtalageError(_not_ready(self._status()))

    def _tend(self) -> UpStatus:
        """Start what is due and keep the status file true. A full disk is told of once, and tried again."""
        try:
            self._start_what_is_due()
            status = self._status()
            if status != self._told:
                write_up_status(self._folder / STATUS_FILE, status)
                self._told = status
        except OSError as exc:
            self._told = None  # so that the end is told by a write that succeeded
            if self._hindered.begins():
                self._notice(f"{self._folder} cannot be written ({exc.strerror}): trying again until it can")
            return self._status()
        if self._hindered.ends():
            self._notice(f"{self._folder} can be written again")
        return status

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        for server in self._servers.values():
            server.tend(now)
        if self._supervisor is not None:
            self._supervisor.tend()

    def _status(self) -> UpStatus:
        children = self._supervisor.statuses() if self._supervisor else {}
        servers = {name: server.status() for name, server in self._servers.items()}
        address = children["gateway"].address if "gateway" in children else None
        return UpStatus(
            pid=os.getpid(),
            namespace=self._settings.namespace,
            partitions=self._settings.partitions,
            kafka=self._settings.kafka or "",
            redis=self._settings.redis or "",
            url=f"http://{address}/" if address else None,
            ready=bool(children)
            and all(server.ready for server in servers.values())
            and all(child.ready for child in children.values()),
            data=str(self._folder),
            servers=servers,
            children=children,
        )

    def _notice(self, text: str) -> None:
        """Something ended or hangs: a line for a person, unless logs are asked for as JSON."""
        if self._settings.log_format == "json":
            logger("supervisor").warning(text)
        else:
            self._console.print(f"[yellow]![/] {escape(text)}", highlight=False, soft_wrap=True)

    def _announce(self) -> None:
        status = self._tend()
        Console().print(f"The shop is open: {status.url}", highlight=False, soft_wrap=True)
        self._console.print(f"Logs and {STATUS_FILE}: {self._folder}   Ctrl-C ends it all.", highlight=False)


def _not_ready(status: UpStatus) -> str:
    all_of_them: dict[str, ServerStatus | ChildStatus] = {**status.servers, **status.children}
    late = [
        f"{name} ({last_words(Path(one.log))}; log: {one.log})"
        for name, one in all_of_them.items()
        if not one.ready
    ]
    return f"not ready after {READY_WITHIN_S:.0f} s: {'; '.join(late)}"
