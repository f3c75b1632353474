"""Engagement of a visitor: channels, devices, promotions and their answers, dismissals, consent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from models.visitor.affinities import label_key
from models.visitor.browsing import move_to_front
from models.visitor.sessions import UINT8_MAX
from models.visitor.state import DISMISSED_MAX, PROMOTIONS_MAX, PURPOSES, StateChanges, VisitorState
from schemas.events import Channel, Context, Device, Envelope, Properties

CHANNELS: Mapping[str, int] = {name: index for index, name in enumerate(get_args(Channel))}
DEVICES: Mapping[str, int] = {name: index for index, name in enumerate(get_args(Device))}

PURPOSE_BITS: Mapping[str, int] = {
    **{name: 2 * index for index, name in enumerate(PURPOSES)},
    # Google's consent mode names of the same purposes.
    "personalization_storage": 2 * PURPOSES.index("personalization"),
    "analytics_storage": 2 * PURPOSES.index("analytics"),
    "ad_storage": 2 * PURPOSES.index("ads"),
    "functionality_storage": 2 * PURPOSES.index("functional"),
}


def record_envelope(state: VisitorState, changes: StateChanges, event: Envelope) -> None:
    """Counts the channel and the device of an event, and takes over the consent it carries."""
    changes["channels"] = increment(state.channels, CHANNELS[event.channel])
    if event.context is not None:
        _record_context(state, changes, event.context)


def _record_context(state: VisitorState, changes: StateChanges, context: Context) -> None:
    if context.device is not None:
        changes["devices"] = increment(state.devices, DEVICES[context.device])
    if context.consent:
        set_consent(state, changes, context.consent)


def increment(counts: tuple[int, ...], index: int) -> tuple[int, ...]:
    """One more at `index`; all halve before one would pass 255, which keeps the mix and forgets slowly."""
    if counts[index] == UINT8_MAX:
        counts = tuple(count // 2 for count in counts)
    return (*counts[:index], counts[index] + 1, *counts[index + 1 :])


def set_consent(state: VisitorState, changes: StateChanges, purposes: Mapping[str, bool]) -> None:
    """The newest answer for each purpose holds; names we do not know are left alone."""
    bits = changes.get("consent", state.consent)
    for name, granted in purposes.items():
        shift = PURPOSE_BITS.get(name)
        if shift is not None:
            bits = bits & ~(3 << shift) | (3 if granted else 1) << shift
    changes["consent"] = bits


def count_share(state: VisitorState, changes: StateChanges) -> None:
    """Counts a shared item, up to 255."""
    changes["shares"] = min(UINT8_MAX, state.shares + 1)


def record_promotion(
    state: VisitorState, changes: StateChanges, properties: Properties, *, answered: bool
) -> None:
    """Counts a tactic or promotion as seen or answered; when full, the one seen longest ago leaves."""
    name = properties.tactic or properties.promotion_id or properties.promotion_name
    if not name:
        return
    key = label_key(name)
    promotions = dict(state.promotions)
    seen, taken = promotions.pop(key, (0, 0))
    if len(promotions) >= PROMOTIONS_MAX:
        del promotions[next(iter(promotions))]
    promotions[key] = (seen, min(UINT8_MAX, taken + 1)) if answered else (min(UINT8_MAX, seen + 1), taken)
    changes["promotions"] = promotions


def record_dismissal(state: VisitorState, changes: StateChanges, module_id: str | None) -> None:
    """Puts a dismissed module in front of those dismissed before."""
    if module_id:
        changes["dismissed"] = move_to_front(label_key(module_id), state.dismissed, DISMISSED_MAX)
