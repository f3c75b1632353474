"""The golden shop and how a transcript becomes text.

The ranker is the understudy, which is part of the code: a newly trained model must not move these pages.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from models.catalog.build import build_items
from models.catalog.table import ItemTable
from models.policy.inspection.replay import Step, records_of, replay
from models.policy.snapshot import Snapshot, build_snapshot
from models.ranking.popularity import WEIGHTS, PopularityRanker
from models.storefront.shop import build_shop
from schemas.ids import ItemId
from schemas.signals import Neighbour, Signal
from streams.cli.inspect.replay import complete_events
from streams.cli.inspect.replay_text import format_step
from streams.shop.document_parsing import parse_event_lines, parse_items, parse_storefront

FOLDER = Path(__file__).parent
TRANSCRIPTS = sorted(FOLDER.glob("*.jsonl"))
AT = 1_793_520_000.0
"""2026-11-01, epoch seconds: the moment of the catalogue and its signals."""


def golden_snapshot() -> Snapshot:
    """120 products with made-up crowd signals, and a storefront with one rule of each action."""
    storefront = parse_storefront((FOLDER / "storefront.json").read_bytes(), "storefront.json")
    return build_snapshot(build_shop(_table(), storefront, generation=1, built_at=AT), PopularityRanker())


def _table() -> ItemTable:
    items = parse_items((FOLDER / "catalogue.json").read_bytes(), "catalogue.json")
    ids = [ItemId(item.item_id) for item in items]
    signals = {
        name: Signal(
            item_id=name,
            at=AT,
            delta_offset=1,
            trend=float(number * 7 % 13),
            popularity=float(number * 11 % 29),
            co_viewed=[Neighbour(ids[(number + step) % len(ids)], 6.0 / step) for step in (1, 2, 3)],
            co_bought=[Neighbour(ids[(number + step) % len(ids)], 6.0 / step) for step in (5, 40, 77)],
        )
        for number, name in enumerate(ids)
    }
    return build_items(items, signals, AT)


def render_transcript(transcript: Path, snapshot: Snapshot) -> str:
    """What `etalage replay` prints of a transcript in the golden shop.

    Of features only those that its ranker weighs: one more changes nothing that was recorded.
    """
    events = complete_events(list(parse_event_lines(transcript.read_bytes())), snapshot.shop.items.items)
    steps = replay(snapshot, records_of(events), top=2)
    return "\n".join(format_step(_with_weighed_features(step)) for step in steps) + "\n"


def _with_weighed_features(step: Step) -> Step:
    top = []
    for item, why in step.top:
        weighed = {name: value for name, value in why.features.items() if name in WEIGHTS}
        top.append((item, replace(why, features=weighed)))
    return replace(step, top=top)


def expected_path(transcript: Path) -> Path:
    return transcript.with_suffix(".txt")


def texts() -> dict[Path, str]:
    """What is to be recorded, by file."""
    snapshot = golden_snapshot()
    return {expected_path(one): render_transcript(one, snapshot) for one in TRANSCRIPTS}
