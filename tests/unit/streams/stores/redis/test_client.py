"""A Redis that cannot be reached is told as a Kafka is: where it was looked for, and why there is none."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError, TimeoutError
from redis.utils import format_error_message

from schemas.errors import StoreUnavailable
from streams.stores.redis.client import translate_errors


@pytest.mark.parametrize(
    ("address", "cause", "why"),
    [
        ("localhost:1", OSError(111, "Connect call failed ('127.0.0.1', 1)"), ": Connection refused"),
        ("r.shop.test:6379", OSError(-2, "Name or service not known"), ": Name or service not known"),
        ("h:1", OSError("Multiple exceptions: [1, 2]"), ": Multiple exceptions: [1, 2]"),
        ("h:1", OSError(), ""),
    ],
)  # fmt: skip
def test_a_connection_that_cannot_be_made(address: str, cause: OSError, why: str) -> None:
    """In the words of the client that we use, whatever its version makes of them."""
    with pytest.raises(StoreUnavailable) as caught, translate_errors():
        raise ConnectionError(format_error_message(address, cause))
    assert str(caught.value) == f"Redis at {address} does not answer{why}"


@pytest.mark.parametrize(
    ("exc", "told"),
    [
        (ConnectionError("Connection closed by server."), "Redis: Connection closed by server."),
        (TimeoutError(), "Redis: TimeoutError"),
    ],
)
def test_other_troubles_keep_their_words(exc: Exception, told: str) -> None:
    with pytest.raises(StoreUnavailable) as caught, translate_errors():
        raise exc
    assert str(caught.value) == told
