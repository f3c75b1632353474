"""The Faust app of a consumer group: the settings that shape its behaviour, and the chunk transport."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import faust
from faust.tables import TableManager
from yarl import URL

from schemas.topics import EVENTS
from streams.kafka.endpoint.cluster import client_options, kafka_cluster
from streams.kafka.transport.compiled_extensions import check_extensions
from streams.kafka.transport.consumer import ChunkTransport
from streams.runtime.settings import Settings
from streams.runtime.telemetry.metrics import Metrics

NEVER = 2**31
BUFFERED_ROUNDS = 64
FETCH_RECORDS = 2000
PARTITION_BYTES = 256 * 1024
REVOKE_DRAIN_S = 3.0
"""How long a rebalance waits for chunks under way; what is not done by then is read again."""


class NoTables(TableManager):
    """Faust's, without the second that it gives tables to be registered: there are none."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


def build_app(settings: Settings, metrics: Metrics, group: str) -> faust.App:
    """An app without tables, web server or side topics, to be started by its caller.

    Args:
        settings: `kafka` must be given.
        metrics: `commits_total`, `records_lost_total`.
        group: its consumer group is `<namespace>.<group>`.

    Raises:
        ServiceMissing: Faust or aiokafka runs without its compiled parts.
    """
    check_extensions()
    urls = [URL(f"kafka://{address}") for address in (settings.kafka or "").split(",")]
    app = faust.App(
        f"{settings.namespace}.{group}",
        broker=urls,
        store="memory://",
        web_enabled=False,
        datadir=Path(tempfile.gettempdir()) / "etalage-faust",  # made though never used
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        TableManager=NoTables,
        key_serializer="raw",
        value_serializer="raw",
        stream_buffer_maxsize=BUFFERED_ROUNDS,
        stream_wait_empty=True,
        broker_credentials=_credentials(settings),
        **_kafka_options(settings),
    )
    app.transport = ChunkTransport(
        urls,
        app,
        drain_s=min(REVOKE_DRAIN_S, settings.drain_s),
        on_commit=partial(_count_commit, metrics),
        on_lost=partial(_count_lost, metrics),
    )
    return app


def _credentials(settings: Settings) -> faust.auth.Credentials | None:
    """Faust's words for how to connect; its producers and consumers hand them on to aiokafka."""
    cluster = kafka_cluster(settings)
    options = client_options(cluster)
    if cluster.login is None:
        return None if cluster.tls is None else faust.SSLCredentials(cluster.tls)
    if cluster.login.token_file is not None:
        provider = options["sasl_oauth_token_provider"]
        return faust.auth.OAuthCredentials(oauth_cb=provider, ssl_context=cluster.tls)
    return faust.SASLCredentials(
        username=cluster.login.username,
        password=options["sasl_plain_password"],
        mechanism=cluster.login.mechanism,
        ssl_context=cluster.tls,
    )


def _kafka_options(settings: Settings) -> dict[str, Any]:
    return {
        "broker_commit_interval": settings.commit_interval_s,
        "broker_commit_every": NEVER,
        "broker_session_timeout": float(settings.session_timeout_s),
        "broker_heartbeat_interval": settings.heartbeat_s,
        "broker_rebalance_timeout": 20.0,
        "broker_request_timeout": max(30.0, settings.session_timeout_s),
        "broker_max_poll_interval": 1e6,  # an idle worker could otherwise never rejoin
        "broker_max_poll_records": FETCH_RECORDS,
        "consumer_max_fetch_size": PARTITION_BYTES,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": settings.instance_id,
        "producer_request_timeout": 10.0,
    }


def _count_commit(metrics: Metrics, good: bool) -> None:
    metrics.count("commits_total", outcome="done" if good else "failed")


def _count_lost(metrics: Metrics, offsets: int) -> None:
    metrics.count("records_lost_total", offsets)


def events_topic(app: faust.App, settings: Settings) -> Any:
    """The events topic with raw keys and values: we decode them, so that a wrong record can be buried."""
    return app.topic(EVENTS.full_name(settings.namespace), key_serializer="raw", value_serializer="raw")
