"""What a visitor looked at: recent items, time spent, returns to an item, searches, wishes."""

from __future__ import annotations

from collections.abc import Sequence

from models.visitor.affinities import item_key, label_key
from models.visitor.changes import Changes
from models.visitor.sessions import COUNT_MAX, SESSION_GAP_S
from models.visitor.state import RECENT_MAX, SEARCHES_MAX, WISHLIST_MAX, RecentItem, VisitorState
from schemas.events import EventItem

DWELL_SHARE = 0.3
"""How much the newest page moves the mean time on a page."""
DWELL_MAX_S = 600.0
"""A page left open over lunch says nothing more than ten minutes."""


def look_at(
    state: VisitorState, changes: Changes, items: Sequence[EventItem], *, at: int, engaged_ms: int | None
) -> None:
    """Puts the items in front of the recent ones; time spent belongs to the first of them."""
    dwell = min(255, (engaged_ms or 0) // 1000)
    for item in items[:RECENT_MAX]:
        _look_at_one(state, changes, item_key(item.item_id), at, dwell)
        dwell = 0
    if at >= changes.get("session_at", state.session_at) - SESSION_GAP_S:
        seen = changes.get("session_views", state.session_views)
        changes["session_views"] = min(COUNT_MAX, seen + 1)


def _look_at_one(state: VisitorState, changes: Changes, key: int, at: int, dwell: int) -> None:
    recent = changes.get("recent", state.recent)
    index = _index_of(key, recent)
    if index < 0:
        changes["recent"] = _newest_first(RecentItem(key, at, 1, dwell), recent)[:RECENT_MAX]
        return
    known = recent[index]
    if index and known.at >= changes.get("session_at", state.session_at):
        changes["returns_to_item"] = min(COUNT_MAX, changes.get("returns_to_item", state.returns_to_item) + 1)
    again = RecentItem(key, max(at, known.at), min(255, known.views + 1), min(255, known.dwell + dwell))
    changes["recent"] = _newest_first(again, recent[:index] + recent[index + 1 :])


def _index_of(key: int, recent: tuple[RecentItem, ...]) -> int:
    for index, known in enumerate(recent):
        if known.key == key:
            return index
    return -1


def _newest_first(item: RecentItem, others: tuple[RecentItem, ...]) -> tuple[RecentItem, ...]:
    if not others or item.at >= others[0].at:
        return (item, *others)
    later = sum(other.at > item.at for other in others)  # a late event: to its place in time
    return (*others[:later], item, *others[later:])


def dwell_on(state: VisitorState, changes: Changes, engaged_ms: int | None) -> None:
    """Moves the mean time on a page, kept to a quarter of a second."""
    if engaged_ms:
        seconds = min(DWELL_MAX_S, engaged_ms / 1000)
        mean = state.dwell + DWELL_SHARE * (seconds - state.dwell) if state.dwell else seconds
        changes["dwell"] = round(4 * mean) / 4


def search_for(state: VisitorState, changes: Changes, term: str) -> None:
    """Remembers the words searched for, without their case and spacing."""
    changes["searches"] = moved_to_front(label_key(normalise(term)), state.searches, SEARCHES_MAX)


def normalise(term: str) -> str:
    return " ".join(term.casefold().split())


def wish_for(state: VisitorState, changes: Changes, items: Sequence[EventItem]) -> None:
    wishlist = state.wishlist
    for item in items[:WISHLIST_MAX]:
        wishlist = moved_to_front(item_key(item.item_id), wishlist, WISHLIST_MAX)
    changes["wishlist"] = wishlist


def moved_to_front(key: int, keys: tuple[int, ...], limit: int) -> tuple[int, ...]:
    """`key` first, each key once, at most `limit`."""
    if key in keys:
        keys = tuple(other for other in keys if other != key)
    return (key, *keys)[:limit]
