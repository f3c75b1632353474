"""What `etalage doctor` looks at: each check is one function that finds something or says what is wrong."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from schemas.errors import EtalageError, ServiceMissing
from streams.local.instances import Located, locate
from streams.local.servers.jars import KAFKA, default_cache, kafka_jars_if_there
from streams.local.servers.java import java, java_version
from streams.local.servers.redis import redis_server, redis_version
from streams.runtime.net import listens
from streams.runtime.settings import Settings, read_settings
from streams.shop.build import describe_ranker
from streams.stores.redis.server_checks import describe_server

OLDEST_PYTHON = (3, 11)
COMPILED = (
    "faust._cython.streams", "faust.transport._cython.conductor",
    "aiokafka.record._crecords.default_records", "hiredis", "uvloop", "httptools",
)  # fmt: skip
"""Parts that run, slowly, without their compiled half; we want that half."""


class Finding(Struct, frozen=True):
    """`found` is one line: a version, a path, or what to do."""

    what: str
    state: Literal["ok", "warn", "fail"]
    found: str


def examine(data: Path | None = None) -> list[Finding]:
    """Everything, in the order a newcomer meets it; `data` is the folder of an `etalage up` to look at."""
    findings = [
        _look("python", _python),
        _look("compiled parts", compiled_parts),
        _look("onnxruntime", _onnxruntime),
        _look("settings", lambda: f"namespace {read_settings().namespace}"),
    ]
    if findings[-1].state == "fail":
        return findings
    here = locate(data)
    ranker = _look("ranker", lambda: describe_ranker(here.settings.ranker))
    return [*findings, ranker, *_kafka(here.settings), *_redis(here.settings), _gateway(here)]


def compiled_parts() -> str:
    """Import each; ServiceMissing names those that are not compiled here."""
    missing = [name for name in COMPILED if not _imports(name)]
    if missing:
        raise ServiceMissing(f"not compiled: {', '.join(missing)}; install the wheels of this platform")
    return f"all {len(COMPILED)} loaded"


def _kafka(settings: Settings) -> list[Finding]:
    if settings.kafka:
        return [_look("Kafka", lambda: _given_kafka(settings))]
    jars = kafka_jars_if_there(settings.jars)
    kept = f"Apache Kafka {KAFKA}, kept in {settings.jars or default_cache()}"
    fetched = Finding("Kafka's jars", "ok", kept) if jars else Finding(
        "Kafka's jars", "warn", "fetched from Maven Central at the first start (44 MB)"
    )  # fmt: skip
    return [_look("Java", _java), fetched]


def _redis(settings: Settings) -> list[Finding]:
    given = settings.redis
    return [_look("Redis", (lambda: _given_redis(given)) if given else _redis_server)]


def _gateway(here: Located) -> Finding:
    if here.up is not None:
        state = f"ready at {here.up.url}" if here.up.ready else "not all of it is ready"
        return Finding("etalage up", "ok" if here.up.ready else "warn", f"runs in {here.up.data}; {state}")
    settings = here.settings
    if settings.port and listens(settings.port, settings.host):
        return Finding("port", "warn", f"{settings.port} is taken; choose another with ETALAGE_PORT")
    return Finding("port", "ok", f"{settings.port} is free" if settings.port else "a free one is taken")


def _python() -> str:
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise ServiceMissing(f"{platform.python_version()}; 3.11 or newer is needed")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _onnxruntime() -> str:
    import onnxruntime

    return f"{onnxruntime.__version__}, {', '.join(onnxruntime.get_available_providers())}"


def _java() -> str:
    program = java()
    return f"Java {java_version(program)}, {program}"


def _redis_server() -> str:
    program = redis_server()
    return f"{program.name} {redis_version(program)}, {program}"


def _given_kafka(settings: Settings) -> str:
    from streams.kafka.admin import list_topics

    count = len(list_topics(settings))
    return f"answers at {settings.kafka}; {count} topics of namespace {settings.namespace}"


def _given_redis(address: str) -> str:
    server = describe_server(address)
    if server.eviction_policy != "noeviction":
        raise ServiceMissing(f"maxmemory-policy is {server.eviction_policy}, must be noeviction")
    return f"Redis {server.version} at {address}, noeviction"


def _look(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "ok", check())
    except (EtalageError, ImportError) as exc:
        return Finding(what, "fail", str(exc))


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
