"""A replayed step in words and numbers, for people; also what the golden tests compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import expm1

from models.policy.replay import Step
from models.storefront.view import StorefrontView
from models.visitor.state import VisitorState
from schemas.events import Event, OtherEvent
from schemas.ids import ItemId
from schemas.layouts import Layout, Why
from streams.cli.output import count_text

FEATURES = 6
"""Features shown for a candidate: those furthest from nothing."""
TASTES = 3


def step_text(step: Step) -> str:
    """The whole step as lines."""
    view = step.decision.shop.view
    made = step.decision.fills.provenance
    news = "new content" if step.decision.changed else "as before"
    lines = [
        f"{_clock(step.record.arrival)}  {step.visitor}  {event_text(step.record.event)}",
        f"  state   {state_text(step.state, view, step.decision.shop.items.row_by_key)}",
        *(f"  {'top' if n == 0 else '   '}     {candidate_text(*one)}" for n, one in enumerate(step.top)),
        f"  layout  {made.mode}/{made.reason} by {made.model} {made.model_version}, {news}",
    ]
    if step.decision.changed:
        lines += [f"          {line}" for line in layout_text(step.decision.layout)]
    return "\n".join(lines)


def layout_text(layout: Layout) -> Iterator[str]:
    """A line for each slot: title, reason, items."""
    width = max((len(slot.slot) for slot in layout.slots), default=0)
    for slot in layout.slots:
        module = slot.module
        items = " ".join(item.id for item in module.items) or "-"
        yield f"{slot.slot:{width}}  {module.title} ({module.reason}): {items}"


def event_text(event: Event) -> str:
    """Name and what it is about."""
    if isinstance(event, OtherEvent):
        return f"{event.event} (a name we do not know)"
    name = str(type(event).__struct_config__.tag)
    about = [f"{item.item_id} {item.item_name or ''}".strip() for item in event.properties.items[:3]]
    term = getattr(event.properties, "search_term", None) or event.properties.category
    if term:
        about.append(repr(term))
    if event.module_id:
        about.append(f"in {event.module_id}")
    return f"{name} {', '.join(about)}".strip()


def state_text(state: VisitorState, view: StorefrontView, row_by_key: Mapping[int, int]) -> str:
    """What is known of the visitor, the strongest first."""
    parts = [count_text(state.events, "event"), f"session {state.sessions}"]
    for name, tastes, names in (
        ("now", state.now_categories, view.category_names),
        ("likes", {**state.categories, **state.brands}, {**view.category_names, **view.brand_names}),
    ):
        if tastes:
            parts.append(f"{name} {_tastes(tastes, names)}")
    if state.price_weight:
        parts.append(f"usual price {expm1(state.price):.0f}")
    for name, keys in (
        ("saw", [seen.key for seen in state.recent]),
        ("cart", [line.key for line in state.cart]),
    ):
        if keys:
            shown = [view.ids[row] if (row := row_by_key.get(key, -1)) >= 0 else "?" for key in keys[:4]]
            parts.append(f"{name} {' '.join(shown)}{' …' if len(keys) > 4 else ''}")
    return " · ".join(parts)


def candidate_text(item: ItemId, why: Why) -> str:
    """Score, sources and the features that say most."""
    telling = sorted(why.features.items(), key=lambda pair: (-abs(pair[1]), pair[0]))[:FEATURES]
    features = " ".join(f"{name}={value:g}" for name, value in telling if value)
    return f"{item}  {why.score:+.3f}  {'+'.join(why.sources)}  {features}"


def _tastes(tastes: Mapping[int, float], names: Mapping[int, str]) -> str:
    best = sorted(tastes.items(), key=lambda pair: (-pair[1], names.get(pair[0], "")))[:TASTES]
    return ", ".join(f"{names.get(key, '?')} {weight:.1f}" for key, weight in best)


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
