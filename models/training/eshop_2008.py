"""Real sessions of a clothing shop (2008, see data/eshop-2008/README.md) as events.

The data holds days, not times: each session gets a made-up, seeded start between 8 and 22 o'clock and
made-up pauses between clicks. No visitor comes back, nothing is put into a cart.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from models.training.simulation.shoppers import ContextualEvent
from schemas import events as e
from schemas.catalog import Item

DATA = Path(__file__).parent / "data" / "eshop-2008"
DAYS = (date(2008, 4, 1), date(2008, 6, 30))
"""First and last day of the data."""
EVALUATED_FROM = date(2008, 6, 1)
"""The first day of the test split; training sees the days before."""
PAUSE_S = 35.0
"""Mean of the made-up pauses between clicks, in seconds. Own choice, not tuned."""


def load_items() -> list[Item]:
    """The 217 products of the data."""
    rows = pl.read_parquet(DATA / "items.parquet").iter_rows(named=True)
    return [
        Item(
            item_id=row["item_id"],
            title=f"{row['colour_name']} {row['category_name']} {row['item_id']}",
            categories=[row["category_name"]],
            price=float(row["price_usd"]),
            currency="USD",
            colour=row["colour_name"],
        )
        for row in rows
    ]


def load_sessions(seed: int, days: tuple[date, date] = DAYS) -> list[ContextualEvent]:
    """Loads the clicks of some days as view_item events.

    Args:
        seed: Of the made-up times.
        days: First and last day, both included.

    Returns:
        One event a click, in the order of the made-up times; each session is a visitor of its own.
    """
    rng = np.random.default_rng([seed, 4])
    entries = {item.item_id: _make_entry(item) for item in load_items()}
    clicks = pl.read_parquet(DATA / "events.parquet").sort("session_id", "seq")
    clicks = clicks.filter(pl.col("date").is_between(*days))
    events: list[ContextualEvent] = []
    running, at = -1, 0.0
    for session, number, day, item in clicks.select("session_id", "seq", "date", "item_id").iter_rows():
        if session != running:
            start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=rng.uniform(8, 22))
            running, at = session, start.timestamp()
        else:
            at += 2.0 + float(min(rng.exponential(PAUSE_S), 600.0))
        events.append(_make_click(session, number, at, entries[item]))
    return sorted(events, key=lambda one: (one.at, one.visitor))


def day_of(at: float) -> date:
    """The day of a time in epoch seconds (UTC)."""
    return datetime.fromtimestamp(at, UTC).date()


def is_jump(item: str, last: str) -> bool:
    """Whether a click is more than a step along the shop's list: another letter, or over 5 numbers away."""
    return item[0] != last[0] or abs(int(item[1:]) - int(last[1:])) > 5


def _make_entry(item: Item) -> e.EventItem:
    return e.EventItem(
        item_id=item.item_id, item_category=item.categories[0], colour=item.colour, price=item.price
    )


def _make_click(session: int, number: int, at: float, entry: e.EventItem) -> ContextualEvent:
    event = e.ViewItem(
        message_id=f"{session}-{number}",
        timestamp=datetime.fromtimestamp(at, UTC),
        anonymous_id=f"s{session}",
        properties=e.ItemsProperties(items=[entry]),
    )
    return ContextualEvent(f"a:s{session}", event, at)
