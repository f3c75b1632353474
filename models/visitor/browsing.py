"""Browsing of a visitor: recent items, time on pages, returns to an item, searches, wishlist."""

from __future__ import annotations

from collections.abc import Sequence

from models.visitor.affinities import item_key, label_key
from models.visitor.sessions import SESSION_GAP_S, UINT8_MAX, UINT16_MAX
from models.visitor.state import (
    RECENT_MAX,
    SEARCHES_MAX,
    WISHLIST_MAX,
    RecentItem,
    StateChanges,
    VisitorState,
)
from schemas.events import EventItem

DWELL_SHARE = 0.3
"""How much the newest page moves the mean time on a page. Own choice, not tuned."""
DWELL_MAX_S = 600.0
"""A page left open over lunch says nothing more than ten minutes."""


def record_views(
    state: VisitorState, changes: StateChanges, items: Sequence[EventItem], *, at: int, engaged_ms: int | None
) -> None:
    """Puts the items in front of the recent ones; `engaged_ms`, the time spent, belongs to the first."""
    dwell = min(UINT8_MAX, (engaged_ms or 0) // 1000)
    for item in items[:RECENT_MAX]:
        _record_view(state, changes, item_key(item.item_id), at, dwell)
        dwell = 0
    if at >= changes.get("session_at", state.session_at) - SESSION_GAP_S:
        views = changes.get("session_views", state.session_views)
        changes["session_views"] = min(UINT16_MAX, views + 1)


def _record_view(state: VisitorState, changes: StateChanges, key: int, at: int, dwell: int) -> None:
    recent = changes.get("recent", state.recent)
    index = _find_index(key, recent)
    if index < 0:
        changes["recent"] = _insert_by_time(RecentItem(key, at, 1, dwell), recent)[:RECENT_MAX]
        return
    known = recent[index]
    if index and known.at >= changes.get("session_at", state.session_at):
        returns = changes.get("returns_to_item", state.returns_to_item)
        changes["returns_to_item"] = min(UINT16_MAX, returns + 1)
    again = RecentItem(
        key, max(at, known.at), min(UINT8_MAX, known.views + 1), min(UINT8_MAX, known.dwell + dwell)
    )
    changes["recent"] = _insert_by_time(again, recent[:index] + recent[index + 1 :])


def _find_index(key: int, recent: tuple[RecentItem, ...]) -> int:
    for index, known in enumerate(recent):
        if known.key == key:
            return index
    return -1


def _insert_by_time(item: RecentItem, others: tuple[RecentItem, ...]) -> tuple[RecentItem, ...]:
    if not others or item.at >= others[0].at:
        return (item, *others)
    later = sum(other.at > item.at for other in others)  # a late event: to its place in time
    return (*others[:later], item, *others[later:])


def record_dwell(state: VisitorState, changes: StateChanges, engaged_ms: int | None) -> None:
    """Updates the moving mean of the time on a page, kept to a quarter of a second."""
    if engaged_ms:
        seconds = min(DWELL_MAX_S, engaged_ms / 1000)
        mean = state.dwell + DWELL_SHARE * (seconds - state.dwell) if state.dwell else seconds
        changes["dwell"] = round(4 * mean) / 4


def record_search(state: VisitorState, changes: StateChanges, term: str) -> None:
    """Remembers a search term, without its case and spacing."""
    changes["searches"] = move_to_front(label_key(_normalise_term(term)), state.searches, SEARCHES_MAX)


def _normalise_term(term: str) -> str:
    return " ".join(term.casefold().split())


def add_to_wishlist(state: VisitorState, changes: StateChanges, items: Sequence[EventItem]) -> None:
    """Puts the items in front of the wishlist, each once."""
    wishlist = state.wishlist
    for item in items[:WISHLIST_MAX]:
        wishlist = move_to_front(item_key(item.item_id), wishlist, WISHLIST_MAX)
    changes["wishlist"] = wishlist


def move_to_front(key: int, keys: tuple[int, ...], limit: int) -> tuple[int, ...]:
    """`key` first, each key once, at most `limit`."""
    if key in keys:
        keys = tuple(other for other in keys if other != key)
    return (key, *keys)[:limit]
