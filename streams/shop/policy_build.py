"""Which build of the policy runs, and who may run it interpreted: `etalage up`, or whoever asked for it."""

from __future__ import annotations

import models
from schemas.errors import ServiceMissing
from streams.runtime.settings import Settings
from streams.runtime.telemetry.logs import logger


def require_compiled(settings: Settings) -> None:
    """Log which build decides; refuse to serve an interpreted one unasked, as it takes many times as long.

    Raises:
        ServiceMissing: The policy is interpreted and the settings do not say that it may be.
    """
    if models.BUILD != models.COMPILED and settings.compiled != "0":
        raise ServiceMissing(f"the policy is {models.BUILD}, or set {models.VARIABLE}=0 to serve slowly")
    logger("policy").info("starting", policy=models.BUILD)
