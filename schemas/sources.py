"""Where a record of the events topic was sent from: a Kafka header beside the event, for crowd signals alone.

Only the gateway writes it. It stands in no body, so no client can say it, and an event is the same with it
and without. Records of direct producers, of servers and of gateways before it have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

SOURCE_HEADER = "source"
SOURCE_BYTES = 4
DAY_S = 86_400


def source_of(address: str, secret: str, at: float) -> bytes:
    """A pseudonym of a network address, the same for a day (UTC).

    Whoever has the secret can find the address by trying all; whoever has not can neither do that nor tell
    whether two days' are of the same one.

    Args:
        address: in any form that is always the same.
        secret: of the namespace, which does not stand in Kafka.
        at: now, epoch s.
    """
    text = f"{int(at // DAY_S)} {address}".encode()
    key = blake2b(secret.encode()).digest()
    return blake2b(text, digest_size=SOURCE_BYTES, key=key, person=SOURCE_HEADER.encode()).digest()


def read_source(headers: Sequence[tuple[str, bytes | None]]) -> int:
    """The source in a record's headers as a number; 0 for none, or one that no gateway wrote."""
    for name, value in headers:
        if name == SOURCE_HEADER and value is not None and len(value) == SOURCE_BYTES:
            return int.from_bytes(value)
    return 0
