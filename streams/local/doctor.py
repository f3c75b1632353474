"""The checks of `etalage doctor`: each returns a line that says what is there, or raises what is wrong."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

import models
from schemas.errors import EtalageError, ServiceMissing
from streams.local.instances import LocatedInstance, locate
from streams.local.servers.jars import KAFKA, cached_kafka_jars, default_cache
from streams.local.servers.java import find_java, java_version
from streams.local.servers.redis import find_redis_server, redis_version
from streams.runtime.ports import listens
from streams.runtime.settings import Settings, read_settings
from streams.shop.build import describe_ranker
from streams.stores.keys import Keys
from streams.stores.namespace_meta import difference
from streams.stores.progress import PartitionProgress
from streams.stores.provisioning import (
    REDIS_S,
    count_quarantined,
    describe_missing,
    read_meta_sync,
    read_topic_meta,
)
from streams.stores.redis.connection import ReconnectingConnection, run_blocking
from streams.stores.redis.endpoint.acl import missing_right_text
from streams.stores.redis.endpoint.address import redis_address
from streams.stores.redis.layouts import read_progress
from streams.stores.redis.pipeline import CommandRefused
from streams.stores.redis.server_checks import describe_server

OLDEST_PYTHON = (3, 11)
COMPILED = (
    "faust._cython.streams", "faust.transport._cython.conductor",
    "aiokafka.record._crecords.default_records", "hiredis", "uvloop", "httptools",
)  # fmt: skip
"""Packages that also run without their compiled part, only slower; doctor wants the compiled part."""


class Finding(Struct, frozen=True):
    """Result of one check; `found` is one line: a version, a path, or what to do."""

    what: str
    state: Literal["ok", "warn", "fail"]
    found: str


def examine(data: Path | None = None) -> list[Finding]:
    """Run every check.

    Args:
        data: Data folder of an `etalage up` whose addresses are checked; None as for `locate`.

    Returns:
        Findings in the order a newcomer needs them; only the first five when the settings are wrong.

    Raises:
        EtalageError: As `locate` does.
    """
    findings = [
        _run_check("python", _check_python),
        _run_check("compiled parts", _check_compiled_parts),
        Finding("policy", "ok" if models.BUILD == models.COMPILED else "warn", models.BUILD),
        _run_check("onnxruntime", _check_onnxruntime),
        _run_check("settings", lambda: f"namespace {read_settings().namespace}"),
    ]
    if findings[-1].state == "fail":
        return findings
    instance = locate(data)
    settings = instance.settings
    return [
        *findings,
        _run_check("ranker", lambda: describe_ranker(settings.ranker)),
        *_examine_kafka(settings),
        _examine_redis(settings),
        *_examine_namespace(settings),
        *_examine_quarantine(settings),
        _examine_gateway(instance),
    ]


def _check_compiled_parts() -> str:
    """Import each of COMPILED; raises ServiceMissing with the names of those that are missing."""
    missing = [name for name in COMPILED if not _can_import(name)]
    if missing:
        raise ServiceMissing(f"not compiled: {', '.join(missing)}; install the wheels of this platform")
    return f"all {len(COMPILED)} loaded"


def _examine_kafka(settings: Settings) -> list[Finding]:
    """The given Kafka, else what is needed to start our own."""
    if settings.kafka:
        return [_run_check("Kafka", lambda: _check_given_kafka(settings))]
    kept = f"Apache Kafka {KAFKA}, kept in {settings.jars or default_cache()}"
    jars = Finding("Kafka's jars", "ok", kept) if cached_kafka_jars(settings.jars) else Finding(
        "Kafka's jars", "warn", "fetched from Maven Central at the first start (44 MB)"
    )  # fmt: skip
    return [_run_check("Java", _check_java), jars]


def _examine_redis(settings: Settings) -> Finding:
    """The given Redis, else the program that would be our own."""
    given = settings.redis is not None
    return _run_check("Redis", (lambda: _check_given_redis(settings)) if given else _check_redis_server)


def _examine_namespace(settings: Settings) -> list[Finding]:
    """Whether topics and states fit together and are worked on; nothing before both services are known."""
    if not settings.kafka or not settings.redis:
        return []
    topics = _run_check("namespace", lambda: _check_namespace(settings))
    if topics.state == "fail":
        return [topics]
    return [topics, _examine_stream(settings)]


def _check_namespace(settings: Settings) -> str:
    """Raises ServiceMissing when the events topic is not what the states in Redis were made for."""
    stands = read_meta_sync(redis_address(settings), settings.namespace)
    now = read_topic_meta(settings)
    if now is None:
        raise ServiceMissing(describe_missing(settings.namespace))
    if why := difference(stands, now):
        raise ServiceMissing(why)
    return f"{settings.namespace}: {now.partitions} partitions, topics and states fit together"


def _examine_stream(settings: Settings) -> Finding:
    """How far behind the workers said they are, in each partition."""
    keys = Keys(settings.namespace)
    partitions = read_meta_sync(redis_address(settings), settings.namespace).partitions

    async def read(connection: ReconnectingConnection) -> list[PartitionProgress]:
        await connection.wait_connected()
        return await read_progress(connection.ask, keys, partitions)

    try:
        progress = run_blocking(redis_address(settings), read, within_s=REDIS_S)
    except EtalageError as exc:
        return Finding("stream", "fail", str(exc))
    behind = [one.behind_s for one in progress]
    known = [one for one in behind if one is not None]
    if len(known) < partitions:
        silent = partitions - len(known)
        return Finding("stream", "warn", f"no worker has spoken of {silent} of {partitions} partitions")
    furthest = max(known)
    state: Literal["ok", "warn"] = "warn" if furthest > settings.stale_after_s else "ok"
    return Finding("stream", state, f"every event older than {furthest:.1f} s is applied")


def _examine_quarantine(settings: Settings) -> list[Finding]:
    """How many states are set aside; nothing for a Redis that is not there or holds no namespace.

    Who may not see that may not repair, either: of our users only that of repairs may.
    """
    if not settings.redis:
        return []
    try:
        count = count_quarantined(redis_address(settings), settings.namespace)
    except CommandRefused as exc:
        what = "see which states are set aside, nor `etalage visitor repair` them"
        text = missing_right_text(exc, redis_address(settings), settings.namespace, "repair", what)
        return [Finding("quarantine", "warn", text if exc.no_permission else str(exc))]
    except EtalageError:
        return []  # told by the line before, or not set up yet
    if not count:
        return [Finding("quarantine", "ok", "no visitor's state is set aside")]
    return [Finding("quarantine", "warn", f"{count} states are set aside; see `etalage visitor quarantine`")]


def _examine_gateway(instance: LocatedInstance) -> Finding:
    """The running `up`, else whether the gateway's port is free."""
    if instance.up is not None:
        up = instance.up
        state = f"ready at {up.url}" if up.ready else "not all of it is ready"
        return Finding("etalage up", "ok" if up.ready else "warn", f"runs in {up.data}; {state}")
    settings = instance.settings
    if settings.port and listens(settings.port, settings.host):
        return Finding("port", "warn", f"{settings.port} is taken; choose another with ETALAGE_PORT")
    return Finding("port", "ok", f"{settings.port} is free" if settings.port else "a free one is taken")


def _check_python() -> str:
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise ServiceMissing(f"{platform.python_version()}; 3.11 or newer is needed")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _check_onnxruntime() -> str:
    import onnxruntime

    return f"{onnxruntime.__version__}, {', '.join(onnxruntime.get_available_providers())}"


def _check_java() -> str:
    program = find_java()
    return f"Java {java_version(program)}, {program}"


def _check_redis_server() -> str:
    program = find_redis_server()
    return f"{program.name} {redis_version(program)}, {program}"


def _check_given_kafka(settings: Settings) -> str:
    from streams.kafka.admin import check_replication, list_topics

    check_replication(settings)
    count = len(list_topics(settings))
    return f"answers at {settings.kafka}; {count} topics of namespace {settings.namespace}"


def _check_given_redis(settings: Settings) -> str:
    address = redis_address(settings)
    server = describe_server(address)
    if server.eviction_policy != "noeviction":
        raise ServiceMissing(f"maxmemory-policy is {server.eviction_policy}, must be noeviction")
    return f"Redis {server.version} at {address}, noeviction"


def _run_check(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "ok", check())
    except (EtalageError, ImportError) as exc:
        return Finding(what, "fail", str(exc))


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
