"""How long other requests wait while a catalogue of many megabytes is uploaded to the same gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from urllib.parse import quote

import orjson

from tests.load.bed import Bed
from tests.load.figures import Figure, figure, percentile
from tests.load.serving import serving
from tests.load.wire import Connection, get
from tests.stack import Stack

UPLOAD_BYTES = 25 << 20
FLOOR_REQUESTS = 500


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    floors, tails, longest = [], [], []
    with serving(bed) as (stack, gateway, visitors), ThreadPoolExecutor(1) as uploading:
        layout, upload = get(f"/v1/layouts/home?visitor={quote(visitors[0])}"), _upload(stack)
        with Connection(gateway.address) as connection:
            for run in range(runs):
                floors.append(percentile([_time_ms(connection, layout) for _ in range(FLOOR_REQUESTS)], 99))
                answer = uploading.submit(_put, gateway.address, upload)
                times = []
                while not answer.done():
                    times.append(_time_ms(connection, layout))
                tails.append(percentile(times, 99))
                longest.append(max(times))
                say(f"run {run + 1}: p99 {tails[-1]:.1f} ms, {floors[-1]:.1f} ms before; {answer.result()}")
    load = f"sequential client, while {UPLOAD_BYTES >> 20} MB of items are put by another, {runs} runs"
    return [
        figure("upload.floor_p99_ms", floors, "ms", load=f"sequential client, no upload, {runs} runs"),
        figure("upload.get_p99_ms", tails, "ms", load=load),
        figure("upload.get_longest_ms", longest, "ms", load=load),
    ]


def _upload(stack: Stack) -> bytes:
    """The catalogue of the stack again and again, as one request."""
    lines = (stack.folder / "items.ndjson").read_bytes().splitlines()
    count = UPLOAD_BYTES // (sum(map(len, lines)) // len(lines))
    body = b"[" + b",".join(islice(cycle(lines), count)) + b"]"
    head = f"PUT /v1/catalog/items HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _put(address: str, upload: bytes) -> str:
    """What became of the items: accepted, or retry when Kafka did not take so many in time."""
    with Connection(address) as connection:
        status, body = connection.ask(upload)
    assert status == 200, body[:300]
    (outcome,) = {result["status"] for result in orjson.loads(body)["results"]}
    return str(outcome)


def _time_ms(connection: Connection, request: bytes) -> float:
    start = time.monotonic()
    status, body = connection.ask(request)
    assert status == 200, body[:300]
    return (time.monotonic() - start) * 1000
