"""How a visitor is met: channels, devices, promotions and their answer, dismissals, consent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from models.visitor.affinities import label_key
from models.visitor.browsing import moved_to_front
from models.visitor.changes import Changes
from models.visitor.state import DISMISSED_MAX, PROMOTIONS_MAX, PURPOSES, VisitorState
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


def meet(state: VisitorState, changes: Changes, event: Envelope) -> None:
    """Counts the channel, and what the context says of device and consent."""
    changes["channels"] = count_up(state.channels, CHANNELS[event.channel])
    if event.context is not None:
        _read_context(state, changes, event.context)


def _read_context(state: VisitorState, changes: Changes, context: Context) -> None:
    if context.device is not None:
        changes["devices"] = count_up(state.devices, DEVICES[context.device])
    if context.consent:
        set_consent(state, changes, context.consent)


def count_up(counts: tuple[int, ...], index: int) -> tuple[int, ...]:
    """One more at `index`; all halve before one would pass 255, which keeps the mix and forgets slowly."""
    if counts[index] == 255:
        counts = tuple(count // 2 for count in counts)
    return (*counts[:index], counts[index] + 1, *counts[index + 1 :])


def set_consent(state: VisitorState, changes: Changes, purposes: Mapping[str, bool]) -> None:
    """The newest answer for each purpose holds; names we do not know are left alone."""
    bits = changes.get("consent", state.consent)
    for name, granted in purposes.items():
        shift = PURPOSE_BITS.get(name)
        if shift is not None:
            bits = bits & ~(3 << shift) | (3 if granted else 1) << shift
    changes["consent"] = bits


def share(state: VisitorState, changes: Changes) -> None:
    changes["shares"] = min(255, state.shares + 1)


def promote(state: VisitorState, changes: Changes, properties: Properties, *, answered: bool) -> None:
    """A tactic or promotion was seen, or answered; a newcomer takes the place of the one met longest ago."""
    name = properties.tactic or properties.promotion_id or properties.promotion_name
    if not name:
        return
    key = label_key(name)
    promotions = dict(state.promotions)
    met, taken = promotions.pop(key, (0, 0))
    if len(promotions) >= PROMOTIONS_MAX:
        del promotions[next(iter(promotions))]
    promotions[key] = (met, min(255, taken + 1)) if answered else (min(255, met + 1), taken)
    changes["promotions"] = promotions


def dismiss(state: VisitorState, changes: Changes, module_id: str | None) -> None:
    if module_id:
        changes["dismissed"] = moved_to_front(label_key(module_id), state.dismissed, DISMISSED_MAX)
