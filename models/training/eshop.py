"""Real sessions of a clothing shop (2008, see data/eshop-2008/README.md), replayed as events.

The data holds days, not times: each session gets a made-up, seeded start between 8 and 22 o'clock and
made-up pauses between clicks. No visitor comes back, nothing is put into a cart.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from models.training.simulation.shoppers import Shown
from schemas import events as e
from schemas.catalog import Item

DATA = Path(__file__).parent / "data" / "eshop-2008"
DAYS = (date(2008, 4, 1), date(2008, 6, 30))
"""First and last day of the data."""
JUDGED_FROM = date(2008, 6, 1)
PAUSE_S = 35.0


def shop_items() -> list[Item]:
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


def sessions(seed: int, days: tuple[date, date] = DAYS) -> list[Shown]:
    """The clicks from one day to another as view_item events, in the order of the made-up times."""
    rng = np.random.default_rng([seed, 4])
    entries = {item.item_id: _entry(item) for item in shop_items()}
    clicks = pl.read_parquet(DATA / "events.parquet").sort("session_id", "seq")
    clicks = clicks.filter(pl.col("date").is_between(*days))
    shown: list[Shown] = []
    running, at = -1, 0.0
    for session, number, day, item in clicks.select("session_id", "seq", "date", "item_id").iter_rows():
        if session != running:
            start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=rng.uniform(8, 22))
            running, at = session, start.timestamp()
        else:
            at += 2.0 + float(min(rng.exponential(PAUSE_S), 600.0))
        shown.append(_click(session, number, at, entries[item]))
    return sorted(shown, key=lambda one: (one.at, one.visitor))


def day_of(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def is_jump(item: str, last: str) -> bool:
    """Whether a click is more than a step along the shop's list: another letter, or over 5 numbers away."""
    return item[0] != last[0] or abs(int(item[1:]) - int(last[1:])) > 5


def _entry(item: Item) -> e.EventItem:
    return e.EventItem(
        item_id=item.item_id, item_category=item.categories[0], colour=item.colour, price=item.price
    )


def _click(session: int, number: int, at: float, entry: e.EventItem) -> Shown:
    event = e.ViewItem(
        message_id=f"{session}-{number}",
        timestamp=datetime.fromtimestamp(at, UTC),
        anonymous_id=f"s{session}",
        properties=e.ItemsProperties(items=[entry]),
    )
    return Shown(f"a:s{session}", event, at)
