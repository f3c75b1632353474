"""Asking a gateway for layouts, and taking its store away."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from schemas.errors import StoreUnavailable
from schemas.layouts import Layout
from schemas.storefront import Match, RuleDef
from tests.unit.streams.gateway.house import ANN, House, state_after_views

SHOES = state_after_views(["sneakers-0001", "sneakers-0002", "sneakers-0003"])
PINNED = "mugs-0001"
PIN = RuleDef(id="pin", action="pin", match=Match(items=[PINNED]))
NO_SNEAKERS = RuleDef(id="no-sneakers", action="exclude", match=Match(categories=["sneakers"]))
STORE_READS = ("layout", "state", "state_layout_done")


async def get_layout(client: httpx.AsyncClient, page: str = "home", **parameters: Any) -> Layout:
    answer = await client.get(f"/v1/layouts/{page}", params={"visitor": ANN, **parameters})
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Layout)


def labels(layout: Layout) -> tuple[str, str]:
    return layout.mode, layout.reason


def item_ids(layout: Layout) -> list[str]:
    """All items of a layout, slot by slot."""
    return [item.id for slot in layout.slots for item in slot.module.items]


class _Broken:
    """Stands in for a method of the store."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs

    async def __call__(self, *_: object) -> Any:
        if self._hangs:
            await asyncio.Event().wait()
        raise StoreUnavailable("gone")


def break_store(house: House, monkeypatch: pytest.MonkeyPatch, *, hangs: bool) -> None:
    """From now on no read is answered: it hangs, or fails at once."""
    for name in STORE_READS:
        monkeypatch.setattr(house.store, name, _Broken(hangs=hangs))
