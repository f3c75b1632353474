"""What a page costs the gateway that is decided on request: CPU of its process a GET, by kind of page.

Of one client that asks when it has been answered, as in a quiet shop, and of many connections kept busy,
where a wake-up of the event loop serves several requests.
"""

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
from tests.load.serving import CONNECTIONS, control, sequential, serving
from tests.load.wire import get, saturate

REQUESTS = 1500
BUSY_S = 2.0
PAGES = {"category": "category", "product": "item", "search": "q"}
"""Page type → the parameter that says what it is about."""


def measure(bed: Bed, runs: int, say: Callable[[str], None]) -> list[Figure]:
    ways = {"": _cpu_us, "busy_": _busy_cpu_us}
    costs: dict[str, list[float]] = {f"{page}.{way}cpu_us": [] for way in ways for page in PAGES}
    floors: dict[str, list[float]] = {f"floor_{way}cpu_us": [] for way in ways}
    with serving(bed) as (stack, gateway, visitors):
        partition = partition_of(visitors[0].encode(), PARTITIONS)
        with control(stack, Keys(stack.namespace).state(partition, visitors[0])) as bare:
            for run in range(runs):
                for way, cost in ways.items():
                    floors[f"floor_{way}cpu_us"].append(cost(bare.pid, bare.address, [get("/")]))
                    for page in PAGES:
                        asked = requests_of(page, visitors)
                        costs[f"{page}.{way}cpu_us"].append(cost(gateway.pid, gateway.address, asked))
                shown = ", ".join(f"{key} {each[-1]:.0f}" for key, each in (costs | floors).items())
                say(f"run {run + 1}: {shown}")
    loads = {
        "": f"CPU of the process a request, sequential client, {REQUESTS} requests, {runs} runs",
        "busy_": f"the same, {CONNECTIONS} keep-alive connections kept busy for {BUSY_S:.0f} s, {runs} runs",
    }
    bare_load = "bare ASGI with one Redis read, "
    return [
        figure(f"page_get.{key}", each, "µs", load=(bare_load if key in floors else "") + loads[way])
        for key, each in (costs | floors).items()
        for way in ["busy_" if "busy_" in key else ""]
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


def _busy_cpu_us(pid: int, address: str, requests: Sequence[bytes]) -> float:
    saturate(address, requests, connections=CONNECTIONS, seconds=BUSY_S / 10)
    since = cpu_seconds(pid)
    _, times = saturate(address, requests, connections=CONNECTIONS, seconds=BUSY_S)
    return (cpu_seconds(pid) - since) / len(times) * 1e6
