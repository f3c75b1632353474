"""FetchPacing: a lone record is not waited for, a stream is gathered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from streams.kafka.transport import fetch_pacing
from streams.kafka.transport.fetch_pacing import FetchPacing
from tests.unit.streams.eventually import eventually

LONE, STREAM = (500, 1), (4, 200_000)


def fetch_settings(fetcher: Any) -> tuple[int, int]:
    return fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes


async def test_a_first_record_is_sent_at_once_and_what_follows_is_gathered() -> None:
    fetcher = SimpleNamespace()
    paced = FetchPacing(fetcher)
    assert fetch_settings(fetcher) == LONE
    paced.note_delivery()
    assert fetch_settings(fetcher) == STREAM
    await eventually(lambda: fetch_settings(fetcher) == LONE)


async def test_a_stream_is_gathered_as_long_as_it_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_pacing, "BUSY_FOR_S", 3600)
    paced = FetchPacing(fetcher := SimpleNamespace())
    paced.note_delivery()
    first = paced._busy_end
    paced.note_delivery()
    assert first is not None
    assert first.cancelled()
    assert fetch_settings(fetcher) == STREAM
    assert paced._busy_end is not None
    paced._busy_end.cancel()
