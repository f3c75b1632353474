"""Options that many commands share, and the settings that result from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import ServiceMissing, StreamUnavailable
from streams.kafka.endpoint.cluster import KafkaCluster, kafka_cluster
from streams.kafka.endpoint.connect_check import check_connection_sync
from streams.local.instances import locate
from streams.runtime.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for machines.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Data folder of a running `etalage up`; default ./data or the only one that runs."),
]


def find_settings(data: Path | None) -> Settings:
    """Return the settings, completed with the addresses of a running `etalage up`; raises as `locate`."""
    return locate(data).settings


def require_kafka(data: Path | None) -> tuple[Settings, KafkaCluster]:
    """Return the settings and the Kafka they name; raises ServiceMissing when none is known or answers."""
    settings = find_settings(data)
    cluster = kafka_cluster(settings)
    try:
        check_connection_sync(cluster)
    except StreamUnavailable as exc:
        raise ServiceMissing(str(exc)) from exc
    return settings, cluster
