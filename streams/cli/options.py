"""Options that many commands have, and the addresses that they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import ServiceMissing
from streams.local.instances import locate
from streams.runtime.net import answers
from streams.runtime.settings import NO_KAFKA, Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, for machines.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Data folder of a running `etalage up`; default ./data or the only one that runs."),
]


def find_settings(data: Path | None) -> Settings:
    """The settings, with the addresses of a running `etalage up` where none are given."""
    return locate(data).settings


def kafka_settings(data: Path | None) -> tuple[Settings, str]:
    """The settings, and Kafka's address, which must be known; ServiceMissing says how."""
    settings = find_settings(data)
    if not settings.kafka:
        raise ServiceMissing(NO_KAFKA)
    if not any(answers(address) for address in settings.kafka.split(",")):
        raise ServiceMissing(f"Kafka does not answer at {settings.kafka}")
    return settings, settings.kafka
