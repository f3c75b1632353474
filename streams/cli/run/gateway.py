"""`etalage gateway`: runs the HTTP server of a shop."""

from __future__ import annotations

import uvloop

from streams.gateway.serve import serve
from streams.runtime.settings import read_settings
from streams.runtime.telemetry.logs import configure
from streams.runtime.telemetry.status_file import check_writable
from streams.shop.policy_build import require_compiled


def run() -> None:
    """Answer HTTP: events in, layouts out, pushes to open pages. Settings come from ETALAGE_ variables."""
    settings = read_settings()
    check_writable(settings.status)
    configure(level=settings.log_level, style=settings.log_format)
    require_compiled(settings)
    uvloop.run(serve(settings))
