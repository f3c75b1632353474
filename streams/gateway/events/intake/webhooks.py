"""Webhooks of shop systems prove where they come from by a signature in place of an API key."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from schemas.adapters.mapping import Signature
from schemas.codec import DECODE_ERRORS
from schemas.errors import InvalidSetting, error_text
from streams.gateway.access.refusals import Refused
from streams.gateway.http.asgi_io import Scope, header

SETTING = "ETALAGE_WEBHOOK_SECRETS_FILE"

_decode_secrets = msgspec.json.Decoder(dict[str, str | list[str]]).decode


class WebhookSecrets:
    """The secrets of each shop system, from a JSON file: `{"shopify": "…", "woocommerce": ["new", "old"]}`.

    Read again for each webhook, so that secrets can be replaced while the gateway runs.
    """

    def __init__(self, path: str | None) -> None:
        """Raises InvalidSetting for a file that is named and cannot be read."""
        self._path = path
        if path is not None:
            _read(path)

    async def check(self, scope: Scope, name: str, signature: Signature, body: bytes) -> None:
        """Returns when a secret of the shop system signed the body.

        Raises:
            Refused: 401 without a signature, or for one of none of the secrets; 503 when none can be read.
        """
        given = header(scope, signature.header.encode())
        if not given:
            raise Refused(401, "no_signature", f"an API key, or {signature.header} of a webhook, is required")
        secrets = (await self._secrets()).get(name)
        if not secrets:
            raise Refused(503, "secrets_unread", f"no secret of {name} is known: {SETTING} names them")
        for secret in [secrets] if isinstance(secrets, str) else secrets:
            expected = base64.b64encode(hmac.new(secret.encode(), body, sha256).digest())
            if hmac.compare_digest(expected, given.strip()):
                return
        raise Refused(401, "wrong_signature", f"{signature.header} is of none of the secrets of {name}")

    async def _secrets(self) -> Mapping[str, str | list[str]]:
        if self._path is None:
            return {}
        try:
            return await asyncio.to_thread(_read, self._path)
        except InvalidSetting:
            return {}


def _read(path: str) -> Mapping[str, str | list[str]]:
    try:
        return _decode_secrets(Path(path).read_bytes())
    except OSError as exc:
        raise InvalidSetting(f"{SETTING}: {path} cannot be read: {exc.strerror}") from exc
    except DECODE_ERRORS as exc:
        raise InvalidSetting(
            f'{SETTING}: {path} is not {{"<shop system>": "<secret>"}}: {error_text(exc)}'
        ) from exc
