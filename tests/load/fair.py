"""How long a GET waits while others ask for much: rankings of 1,000 items with explanations.

python -m tests.load.fair ADDRESS CLIENTS VISITOR   asks for them until it is killed
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import quote

import orjson

from streams.demo.catalogue import demo_items
from tests.load.bed import ITEMS, Bed
from tests.load.figures import Figure, figure, percentile
from tests.load.serving import sequential, serving
from tests.load.wire import Connection, get, post

GREEDY_ITEMS = 1000
GETS, WITHIN_S = 100, 6.0
CLIENTS = (1, 8)


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    floors: list[float] = []
    delays: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    with serving(bed) as (_, gateway, visitors):
        layouts = [get(f"/v1/layouts/home?visitor={quote(visitor)}") for visitor in visitors]
        for run in range(runs):
            floors.append(percentile(sequential(gateway.address, layouts, GETS), 50))
            for clients in CLIENTS:
                with greedy_clients(gateway.address, clients, visitors[0]):
                    times = sequential(gateway.address, layouts, GETS, warm_up=3, within_s=WITHIN_S)
                delays[clients].append(percentile(times, 50) - floors[-1])
            one, eight = (each[-1] for each in delays.values())
            say(
                f"run {run + 1}: {floors[-1]:.2f} ms; beside one client +{one:.1f}, beside eight +{eight:.1f}"
            )
    load = f"GET p50 of {GETS}, sequential, {runs} runs"
    beside = f"/v1/rank of {GREEDY_ITEMS} items with explain, less the p50 without them; " + load
    return [
        figure("fair.floor_p50_ms", floors, "ms", load=load),
        figure("fair.rank_1000_explain_delay_one_ms", delays[1], "ms", load="beside one client of " + beside),
        figure("fair.rank_1000_explain_delay_ms", delays[8], "ms", load="beside eight clients of " + beside),
    ]


@contextmanager
def greedy_clients(address: str, clients: int, visitor: str) -> Iterator[None]:
    """A process whose clients are at work, each with one request under way."""
    command = [sys.executable, "-m", "tests.load.fair", address, str(clients), visitor]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == b"ready", "the clients did not start"
        yield
        assert process.poll() is None, "the clients gave up"
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def main() -> None:
    address, clients, visitor = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    ids = [item.item_id for item in demo_items(ITEMS, at=datetime.now(UTC))][:GREEDY_ITEMS]
    request = post("/v1/rank", orjson.dumps({"visitor": visitor, "items": ids, "explain": True}))

    def ask_for_ever() -> None:
        with Connection(address) as connection:
            while True:
                status, body = connection.ask(request)
                assert status in (200, 429, 503), body[:300]

    for _ in range(clients):
        threading.Thread(target=ask_for_ever, daemon=True).start()
    with Connection(address) as connection:
        connection.ask(request)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
