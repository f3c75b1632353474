"""What `etalage up` starts, in order: servers, topics, demo data, processes; and how all of it stops."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.text import Text

import models
from schemas.errors import EtalageError, RankerFailed
from schemas.topics import CATALOG, EVENTS, STOREFRONT, Topic
from streams.kafka.admin import list_topics
from streams.kafka.compacted_reader import read_to_end
from streams.kafka.endpoint.cluster import kafka_cluster
from streams.local.child import Job
from streams.local.instances import STATUS_FILE
from streams.local.processes import last_log_message
from streams.local.server_keeper import ServerKeeper
from streams.local.servers.kafka import LocalKafka
from streams.local.servers.redis import LocalRedis
from streams.local.servers.server import LocalServer
from streams.local.supervisor import Supervisor
from streams.local.up_status import ChildStatus, ServerStatus, UpStatus, write_up_status
from streams.runtime.ports import listening_socket, wait_until
from streams.runtime.settings import Settings, as_environment, is_given
from streams.runtime.telemetry.logs import LogOnce, logger
from streams.runtime.telemetry.terminal import TerminalConsole
from streams.shop.build import describe_ranker
from streams.stores.api_keys import settle_access
from streams.stores.provisioning import create_topics
from streams.stores.redis.endpoint.address import without_password

LOCAL_PARTITIONS = 8
"""As many workers as one machine feeds; each costs files, a claim in Redis and a part of each fetch."""
READY_WITHIN_S = 180.0  # seconds on a quiet machine, minutes on a busy one
TICK_S = 0.2


class ProcessCounts(Struct, frozen=True, kw_only=True):
    """How many processes of each kind run; of items it is one."""

    workers: int = 1
    gateways: int = 2
    shoppers: int = 1


class LocalStack:
    """All servers and processes of one shop on this machine.

    Attributes:
        started: Whether `start` came to its end; until then an interrupt breaks off the step under way.
    """

    def __init__(self, settings: Settings, folder: Path, counts: ProcessCounts) -> None:
        """`folder` holds all data, logs and status files."""
        self._settings, self._folder, self._counts = settings, folder, counts
        self._listener: socket.socket | None = None
        self._life = uuid.uuid4().hex[:8]
        self._servers: dict[str, ServerKeeper] = {}
        self._supervisor: Supervisor | None = None
        self._written: UpStatus | None = None
        self._write_failure, self._console = LogOnce(), TerminalConsole(stderr=True)
        self.started = False

    def start(self) -> None:
        """Start everything, wait until it is ready and print the shop's address; each step prints a line.

        Raises:
            EtalageError: A step failed, or not everything is ready after READY_WITHIN_S.
        """
        steps: list[tuple[str, Callable[[], None]]] = [
            ("Kafka", self._start_kafka), ("Redis", self._start_redis),
            ("access", self._decide_access), ("topics", self._create_topics),
            ("catalogue and storefront", self._load_demo_data), ("processes", self._start_processes),
        ]  # fmt: skip
        self._listen()
        self._warn_without_ranker()
        self._warn_interpreted()
        for title, step in steps:
            with self._console.status(f"{title} …"):
                step()
            self._console.print(Text("✓", "green"), title)
        with self._console.status("waiting until all are ready …"):
            self._await_ready()
        self.started = True
        self._print_address()

    def run(self, stopped: threading.Event) -> None:
        """Restart what ends, until `stopped` is set."""
        while not stopped.wait(TICK_S):
            self._tick()

    def restart(self) -> None:
        """Begin to restart the processes one after the other; a signal's handler may call it."""
        if self.started and self._supervisor:
            self._supervisor.rolling.request()

    def stop(self) -> None:
        """Stop the processes, which may need the servers to finish, then the servers."""
        if self._listener is not None:
            self._listener.close()
        with self._console.status("stopping …"):
            if self._supervisor:
                self._supervisor.stop()
            for server in reversed(self._servers.values()):
                server.stop()
        (self._folder / STATUS_FILE).unlink(missing_ok=True)

    def _listen(self) -> None:
        """Open the socket that all gateways accept from: what waits in it outlives each of them."""
        port = self._settings.port
        try:
            self._listener = listening_socket(self._settings.host, port)
        except OSError as exc:
            what = "choose another with --port or ETALAGE_PORT (0: any free one)"
            raise EtalageError(f"port {port} cannot be had ({exc.strerror}); {what}") from exc
        self._settings = msgspec.structs.replace(self._settings, port=self._listener.getsockname()[1])

    def _warn_without_ranker(self) -> None:
        """Warn here: the processes serve without a ranker and only log it."""
        try:
            describe_ranker(self._settings.ranker)
        except RankerFailed as exc:
            self._notify(f"no ranker: {exc}; popularity ranks, and layouts say model_missing")

    def _warn_interpreted(self) -> None:
        """Warn here, and let the processes run so: they refuse to on their own."""
        if models.BUILD != models.COMPILED:
            self._notify(f"the policy is {models.BUILD}; each page takes many times as long")
            self._settings = msgspec.structs.replace(self._settings, compiled="0")

    def _start_kafka(self) -> None:
        if self._settings.kafka is None:
            server = LocalKafka(self._folder / "kafka", jars=self._settings.jars)
            self._start_server("kafka", server)
            self._settings = msgspec.structs.replace(self._settings, kafka=server.address)

    def _start_redis(self) -> None:
        if self._settings.redis is None:
            server = LocalRedis(self._folder / "redis")
            self._start_server("redis", server)
            self._settings = msgspec.structs.replace(self._settings, redis=server.address)

    def _decide_access(self) -> None:
        """Let the gateway be open to this machine while there are no keys; refuse to open it to a network."""
        self._settings, consequence = settle_access(self._settings)
        self._notify(consequence)

    def _start_server(self, name: str, server: LocalServer) -> None:
        self._servers[name] = ServerKeeper(name, server, self._notify)
        self._servers[name].start()

    def _create_topics(self) -> None:
        if not is_given("partitions"):
            self._settings = msgspec.structs.replace(self._settings, partitions=self._count_partitions())
        create_topics(self._settings)

    def _count_partitions(self) -> int:
        """What the namespace has, for states are kept by partition; a new one gets enough for all workers."""
        name = EVENTS.full_name(self._settings.namespace)
        found = [topic.partitions for topic in list_topics(self._settings) if topic.name == name]
        return found[0] if found else max(LOCAL_PARTITIONS, self._counts.workers)

    def _load_demo_data(self) -> None:
        """Push the demo catalogue and the default storefront, each unless the shop has one of its own."""
        if _is_empty(self._settings, CATALOG):
            products = self._folder / "catalogue.ndjson"
            self._run_command("demo", "catalogue", str(products), "--force")
            self._run_command("catalog", "push", str(products))
        if _is_empty(self._settings, STOREFRONT):
            document = self._folder / "storefront.json"
            document.write_text(self._run_command("storefront", "default"))
            self._run_command("storefront", "push", str(document))

    def _run_command(self, *words: str) -> str:
        """Run one `etalage` command; returns its output, raises EtalageError with its last error words."""
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli.main", *words],
            env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise EtalageError(f"etalage {' '.join(words[:2])} failed: {' '.join(done.stderr.split()[-60:])}")
        return done.stdout

    def _start_processes(self) -> None:
        counts = self._counts
        names = [f"worker-{n}" for n in range(1, counts.workers + 1)]
        names += [f"gateway-{n}" for n in range(1, counts.gateways + 1)]
        names += ["items", *["shoppers"] * counts.shoppers]
        jobs = [self._job(name) for name in names]
        self._supervisor = Supervisor(jobs, self._folder / "run", self._notify)
        self._tick()

    def _job(self, name: str) -> Job:
        kind = name.partition("-")[0]
        own = {"ETALAGE_WORKER_ID": name, "ETALAGE_SHOP_CACHE": str(self._folder / "run" / f"{name}.shop")}
        keep = []
        if kind == "gateway" and self._listener is not None:
            keep = [self._listener.fileno()]
            own["ETALAGE_LISTEN_FD"] = str(keep[0])
        else:
            # Of this `up` alone: another one with the same group must not take its members' places.
            own["ETALAGE_INSTANCE_ID"] = f"{name}-{self._life}"
        argv = [sys.executable, "-m", "streams.cli.main", kind]
        return Job(name=name, argv=argv, env=self._environment() | own, keep=keep)

    def _environment(self) -> dict[str, str]:
        """Our environment with the settings as they are now, without those meant for this process alone."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")}
        return others | as_environment(msgspec.structs.replace(self._settings, data=None, status=None))

    def _await_ready(self) -> None:
        if not wait_until(lambda: self._tick().ready, within_s=READY_WITHIN_S, every_s=TICK_S):
            raise EtalageError(_describe_unready(self._status()))

    def _tick(self) -> UpStatus:
        """Restart what is due and write status.json when it changed; returns the status.

        What fails for a full disk is reported once and tried again with each tick.
        """
        try:
            self._restart_due()
            status = self._status()
            if status != self._written:
                write_up_status(self._folder / STATUS_FILE, status)
                self._written = status
        except OSError as exc:
            self._written = None  # the next tick writes, and so finds out whether the failure is over
            if self._write_failure.begins():
                self._notify(f"{self._folder} cannot be written ({exc.strerror}): trying again until it can")
            return self._status()
        if self._write_failure.ends():
            self._notify(f"{self._folder} can be written again")
        return status

    def _restart_due(self) -> None:
        now = time.monotonic()
        for server in self._servers.values():
            server.tick(now)
        if self._supervisor is not None:
            self._supervisor.tick()

    def _status(self) -> UpStatus:
        children = self._supervisor.statuses() if self._supervisor else {}
        servers = {name: server.status() for name, server in self._servers.items()}
        addresses = [child.address for child in children.values() if child.address]
        return UpStatus(
            pid=os.getpid(),
            namespace=self._settings.namespace,
            partitions=self._settings.partitions,
            kafka=self._settings.kafka or "",
            redis=without_password(self._settings.redis or ""),
            url=f"http://{addresses[0]}/" if addresses else None,
            ready=bool(children)
            and all(server.ready for server in servers.values())
            and all(child.ready for child in children.values()),
            data=str(self._folder),
            servers=servers,
            children=children,
            rolling_restarts=self._supervisor.rolling.ended if self._supervisor else 0,
        )

    def _notify(self, text: str) -> None:
        """Print a line for a person, or log it when logs are asked for as JSON."""
        if self._settings.log_format == "json":
            logger("supervisor").warning(text)
        else:
            self._console.print(Text("!", "yellow"), text, soft_wrap=True)

    def _print_address(self) -> None:
        TerminalConsole().print(f"The shop is open: {self._tick().url}", soft_wrap=True)
        self._console.print(f"Logs and {STATUS_FILE}: {self._folder}   Ctrl-C ends it all.")


def _is_empty(settings: Settings, topic: Topic) -> bool:
    """Whether the topic holds no value; deleted keys do not count."""
    records = asyncio.run(read_to_end(kafka_cluster(settings), topic, settings.namespace))
    return not any(record.value for record in records)


def _describe_unready(status: UpStatus) -> str:
    """One line with the last log message of each server and process that is not ready."""
    every: dict[str, ServerStatus | ChildStatus] = {**status.servers, **status.children}
    unready = [
        f"{name} ({last_log_message(Path(one.log))}; log: {one.log})"
        for name, one in every.items()
        if not one.ready
    ]
    return f"not ready after {READY_WITHIN_S:.0f} s: {'; '.join(unready)}"
