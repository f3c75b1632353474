"""What a page costs the gateway that is decided on request: CPU of its process a GET, by kind of page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from schemas.ids import VisitorId
from streams.demo.catalogue import demo_items
from streams.kafka.partitioner import partition_of
from streams.stores.keys import Keys
from tests.load.bed import ITEMS, PARTITIONS, Bed, cpu_seconds
from tests.load.figures import Figure, figure
from tests.load.serving import control, sequential, serving
from tests.load.wire import get

REQUESTS = 1500
PAGES = {"category": "category", "product": "item", "search": "q"}
"""Page type → the parameter that says what it is about."""


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    costs: dict[str, list[float]] = {page: [] for page in PAGES}
    floors = []
    with serving(bed) as (stack, gateway, visitors):
        partition = partition_of(visitors[0].encode(), PARTITIONS)
        with control(stack, Keys(stack.namespace).state(partition, visitors[0])) as bare:
            for run in range(runs):
                floors.append(_cpu_us(bare.pid, bare.address, [get("/")]))
                for page in PAGES:
                    costs[page].append(_cpu_us(gateway.pid, gateway.address, requests_of(page, visitors)))
                shown = ", ".join(f"{page} {each[-1]:.0f} µs" for page, each in costs.items())
                say(f"run {run + 1}: {shown}; bare {floors[-1]:.0f}")
    load = f"CPU of the process a request, sequential client, {REQUESTS} requests, {runs} runs"
    return [
        *(figure(f"page_get.{page}.cpu_us", each, "µs", load=load) for page, each in costs.items()),
        figure("page_get.floor_cpu_us", floors, "µs", load="bare ASGI with one Redis read, " + load),
    ]


def requests_of(page: str, visitors: Sequence[VisitorId]) -> list[bytes]:
    """Each visitor on pages about several items; all of whole answers, none prepared for everybody."""
    items = demo_items(ITEMS, at=datetime.now(UTC))
    requests = []
    for n, visitor in enumerate([*visitors] * 3):
        item = items[n * 37 % len(items)]
        subject = item.item_id if page == "product" else item.category
        requests.append(get(f"/v1/layouts/{page}?visitor={quote(visitor)}&{PAGES[page]}={quote(subject)}"))
    return requests


def _cpu_us(pid: int, address: str, requests: Sequence[bytes]) -> float:
    sequential(address, requests, REQUESTS // 10)
    since = cpu_seconds(pid)
    answered = sequential(address, requests, REQUESTS, warm_up=0)
    return (cpu_seconds(pid) - since) / len(answered) * 1e6
