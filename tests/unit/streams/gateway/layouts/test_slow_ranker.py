"""A ranker whose runs would hold up the event loop: it is waited for, and no longer than the deadline."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import httpx
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from models.policy.snapshot import build_snapshot
from models.ranking.popularity import PopularityRanker
from schemas.errors import RankerFailed
from streams.gateway.layouts.fallbacks import MARGIN_S
from streams.gateway.layouts.rank import RankAnswer
from tests.unit.streams.gateway.house import ANN, House
from tests.unit.streams.gateway.layout_requests import SHOES, get_layout, labels
from tests.unit.streams.gateway.virtual_time import virtual_loop

ITEMS = ["mugs-0001", "sneakers-0004", "nobody"]


class StuckRanker(PopularityRanker):
    """Answers when it is let go. On the event loop nobody would."""

    name = "stuck"
    inline = False

    def __init__(self) -> None:
        super().__init__()
        self.let_go = Event()

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self.let_go.wait(20):
            raise RankerFailed("held up the event loop")
        return super().score(features)


@pytest.fixture
def stuck(house: House) -> Iterator[StuckRanker]:
    ranker = StuckRanker()
    house.follower.snapshot = build_snapshot(house.follower.shop, ranker)
    yield ranker
    ranker.let_go.set()


async def write(house: House, ranker: StuckRanker) -> None:
    """SHOES without a layout: it must be decided."""
    ranker.let_go.set()
    await house.write(SHOES, layout=False)
    ranker.let_go.clear()


@pytest.mark.parametrize("page", ["home", "cart"])
async def test_a_layout_is_popular_when_its_decision_is_late(
    house: House, client: httpx.AsyncClient, stuck: StuckRanker, page: str
) -> None:
    await write(house, stuck)
    started = virtual_loop().time()
    layout = await get_layout(client, page, deadline_ms=40)
    assert labels(layout) == ("popular", "budget")
    assert virtual_loop().time() - started == pytest.approx(0.040 - MARGIN_S)


async def test_a_list_is_ranked_by_the_understudy_when_its_ranker_is_late(
    house: House, client: httpx.AsyncClient, stuck: StuckRanker
) -> None:
    await write(house, stuck)
    started = virtual_loop().time()
    answer = await client.post("/v1/rank", json={"visitor": ANN, "items": ITEMS, "deadline_ms": 40})
    ranked = msgspec.json.decode(answer.content, type=RankAnswer)
    assert virtual_loop().time() - started == pytest.approx(0.040)
    assert (ranked.mode, ranked.reason, ranked.model.name) == ("popular", "budget", "popularity")
    assert sorted(item.id for item in ranked.items) == sorted(ITEMS)
    assert ranked.unknown == ["nobody"]
