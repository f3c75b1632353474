"""Formats a replayed step for people; the golden tests compare this text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import expm1

from models.policy.inspection.replay import Step
from models.storefront.view import StorefrontView
from models.visitor.state import VisitorState
from schemas.events import Event, OtherEvent
from schemas.ids import ItemId
from schemas.layouts import Layout, Why
from streams.cli.output import format_count

FEATURES_MAX = 6
"""Features printed per candidate: those with the largest absolute values."""
AFFINITIES_MAX = 3


def format_step(step: Step) -> str:
    """Return the lines of one step: event, state, best candidates, layout."""
    view = step.decision.shop.view
    made = step.decision.fills.provenance
    change = "new content" if step.decision.changed else "as before"
    lines = [
        f"{_format_time(step.record.arrival)}  {step.visitor}  {format_event(step.record.event)}",
        f"  state   {format_state(step.state, view, step.decision.shop.items.row_by_key)}",
        *(f"  {'top' if n == 0 else '   '}     {format_candidate(*one)}" for n, one in enumerate(step.top)),
        f"  layout  {made.mode}/{made.reason} by {made.model} {made.model_version}, {change}",
    ]
    if step.decision.changed:
        lines += [f"          {line}" for line in format_slots(step.decision.layout)]
    return "\n".join(lines)


def format_slots(layout: Layout) -> Iterator[str]:
    """Yield a line for each slot: title, reason, item ids."""
    width = max((len(slot.slot) for slot in layout.slots), default=0)
    for slot in layout.slots:
        module = slot.module
        items = " ".join(item.id for item in module.items) or "-"
        yield f"{slot.slot:{width}}  {module.title} ({module.reason}): {items}"


def format_event(event: Event) -> str:
    """Return the event's name and what it is about: items, search term or category, module."""
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


def format_state(state: VisitorState, view: StorefrontView, row_by_key: Mapping[int, int]) -> str:
    """Return what the state holds, the strongest affinities first."""
    parts = [format_count(state.events, "event"), f"session {state.sessions}"]
    for name, affinities, names in (
        ("now", state.now_categories, view.category_names),
        ("likes", {**state.categories, **state.brands}, {**view.category_names, **view.brand_names}),
    ):
        if affinities:
            parts.append(f"{name} {_format_affinities(affinities, names)}")
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


def format_candidate(item: ItemId, why: Why) -> str:
    """Return the candidate's score, its sources and its strongest features."""
    strongest = sorted(why.features.items(), key=lambda pair: (-abs(pair[1]), pair[0]))[:FEATURES_MAX]
    features = " ".join(f"{name}={value:g}" for name, value in strongest if value)
    return f"{item}  {why.score:+.3f}  {'+'.join(why.sources)}  {features}"


def _format_affinities(affinities: Mapping[int, float], names: Mapping[int, str]) -> str:
    best = sorted(affinities.items(), key=lambda pair: (-pair[1], names.get(pair[0], "")))[:AFFINITIES_MAX]
    return ", ".join(f"{names.get(key, '?')} {weight:.1f}" for key, weight in best)


def _format_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
