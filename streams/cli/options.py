"""Options that many commands share, and the settings that result from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import ServiceMissing
from streams.local.instances import locate
from streams.runtime.ports import answers
from streams.runtime.settings import NO_KAFKA, Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for machines.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Data folder of a running `etalage up`; default ./data or the only one that runs."),
]


def find_settings(data: Path | None) -> Settings:
    """Return the settings, completed with the addresses of a running `etalage up`; raises as `locate`."""
    return locate(data).settings


def require_kafka(data: Path | None) -> tuple[Settings, str]:
    """Return the settings and Kafka's address; raises ServiceMissing when none is known or answers."""
    settings = find_settings(data)
    if not settings.kafka:
        raise ServiceMissing(NO_KAFKA)
    if not any(answers(address) for address in settings.kafka.split(",")):
        raise ServiceMissing(f"Kafka does not answer at {settings.kafka}")
    return settings, settings.kafka
