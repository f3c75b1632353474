"""`etalage redis-acl`: prints users for Redis that may do what our processes do, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.runtime.settings import read_settings
from streams.runtime.telemetry.terminal import say
from streams.stores.redis.endpoint.acl import acl_lines, keep_passwords


def run(
    passwords: Annotated[
        Path, typer.Option(help="Folder with a password file for each user; made where they are missing.")
    ],
) -> None:
    """Print an ACL file for Redis: users for workers, gateways, `topics create` and monitoring.

    The first line turns the default user off: leave it out where others use it. A process connects as its
    user with `rediss://<user>@host` in ETALAGE_REDIS and its file in ETALAGE_REDIS_PASSWORD_FILE.
    """
    namespace = read_settings().namespace
    for line in acl_lines(namespace, keep_passwords(namespace, passwords)):
        say(line)
    say(f"passwords in {passwords.absolute()}; `ACL LOAD` reads the file of `aclfile` anew", err=True)
