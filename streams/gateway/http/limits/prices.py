"""What a request costs, in units of a stored page (0.1 ms of a gateway's CPU), before it is carried out.

From `make bench`: a page decided on request takes 350 µs, a ranking 400 µs and 1 µs an item, 32 explained
items half a millisecond.
"""

from __future__ import annotations

from streams.gateway.http.parameters import LayoutQuery

STORED_PAGE = 1.0
DECIDED_PAGE = 4.0
EXPLAINED_PAGE = 20.0
CARDS = 2.0
"""Those of a page, beside it."""
DEMO = DECIDED_PAGE
"""A file or a picture of the demo, or a path that there is not."""
EVENT = 1.0
"""One of EVENT_BYTES at most."""
EVENT_BYTES = 512
"""An event with an item or two. One of 200 items has 6 kB, and takes 1.9 ms here and as long in a worker."""
STREAM = DECIDED_PAGE
"""Its opening."""


def price_of_page(*, live: bool, explain: bool) -> float:
    """Of one layout; `live` for the page that workers keep decided."""
    if explain:
        return EXPLAINED_PAGE
    return STORED_PAGE if live else DECIDED_PAGE


def price_of_query(query: LayoutQuery, *, live: bool) -> float:
    """Of one layout with its cards; the live page is not stored for what it is asked about."""
    about = query.item or query.category or query.q
    price = price_of_page(live=live and about is None, explain=query.explain)
    return price + CARDS if query.hydrate else price


def price_of_ranking(items: int, *, explain: bool) -> float:
    """Of a list of so many items."""
    return DECIDED_PAGE + items * (0.16 if explain else 0.01)


def price_of_event(size: int) -> float:
    """Of one event of so many bytes."""
    return max(EVENT, size / EVENT_BYTES)


def price_of_splitting(body: bytes) -> float:
    """Of finding the events of a body: a millisecond for 500 kB, 3 ms for 50,000 commas."""
    return len(body) / 50_000 + body.count(b",") / 2_000


def price_of_cutting(size: int) -> float:
    """Of looking for what is nested too deeply in a body of so many bytes; a bracket costs 1 µs."""
    return size / 32


def price_of_body(size: int) -> float:
    """Of a list not yet decoded, by the bytes of its ids: some 15 an item."""
    return price_of_ranking(size // 15, explain=False)
