"""What one client makes up in a second moves no stranger's page; what the crowd finds in an hour does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from models.catalog.signals.gain_limits import ROOM_MIN, SHARE_MAX
from models.catalog.signals.source_rooms import SOURCE_ROOM, VOICE_S
from models.training.simulation.catalogue import make_shop
from models.training.simulation.shoppers import simulate
from tests.unit.streams.workers.signals.crowded_shop import CrowdedShop, Pages, made_up, shown_items

EVENTS_A_SECOND = 20
EVENTS = 6000
KINDS = ("view_item", "add_to_cart", "purchase", "share")


@pytest.fixture(scope="module")
def busy_shop() -> CrowdedShop:
    """A shop after its first minutes, as busy as `etalage up` makes it: 20 events a second."""
    simulated = make_shop(5, products=1500)
    events = simulate(5, simulated, 1000)
    begin, speed = events[0].at, (events[-1].at - events[0].at) * EVENTS_A_SECOND / len(events)
    world = CrowdedShop(simulated, begin)
    for one in events:
        at = begin + (one.at - begin) / speed
        world.wait_until(at)
        world.receive(replace(one.event, timestamp=datetime.fromtimestamp(at, UTC)), one.visitor)
    return world


@pytest.fixture
def world(busy_shop: CrowdedShop) -> CrowdedShop:
    return busy_shop.copy()


def visitor_of(attack: str, number: int) -> str:
    return {"one": "robot", "dated back": "robot", "fresh": f"fresh{number}", "some": f"some{number % 200}"}[
        attack
    ]


@pytest.mark.parametrize("source", [0, 7])
@pytest.mark.parametrize("attack", ["one", "dated back", "fresh", "some"])
def test_made_up_events_change_no_strangers_page(world: CrowdedShop, attack: str, source: int) -> None:
    """`dated back` is one visitor who pretends to come every day."""
    before, popular, at = look_around(world)
    target = obscure_item(world, before)
    for number in range(EVENTS):
        world.wait_until(at + number / EVENTS)
        visitor = visitor_of(attack, number)
        happened = at - (EVENTS - number) * 90_000 if attack == "dated back" else at
        world.receive(made_up(KINDS[number % 4], target, visitor, number, happened), visitor, source)
    assert_same(before, world.pages(popular, at))


@pytest.mark.parametrize(
    ("attack", "voices_max"), [("one", 1.0), ("fresh", ROOM_MIN + SHARE_MAX * EVENTS_A_SECOND)]
)
def test_a_second_of_made_up_views_moves_a_signal_by_a_bounded_share(
    world: CrowdedShop, attack: str, voices_max: float
) -> None:
    """Whoever sends them: one visitor is one voice, many share what an item may gain."""
    before, _, at = look_around(world)
    target = obscure_item(world, before)
    popularity = popularity_of(world, target)
    for number in range(EVENTS):
        world.wait_until(at + number / EVENTS)
        visitor = visitor_of(attack, number)
        world.receive(made_up("view_item", target, visitor, number, at), visitor)
    world.pages([], at)
    assert 0 < popularity_of(world, target) - popularity <= voices_max


@pytest.mark.parametrize(("source", "voices"), [(7, 1.0), (0, 0.0)])
def test_a_flood_from_one_source_leaves_room_for_honest_voices_of_that_second(
    world: CrowdedShop, source: int, voices: float
) -> None:
    """An honest visitor comes at the end of it; without sources the flood has taken all the room."""
    before, popular, at = look_around(world)
    target = obscure_item(world, before)
    for step, item in enumerate(popular[:4]):
        world.receive(made_up("view_item", item, "honest", step, at), "honest", 8)
    for number in range(EVENTS):
        world.wait_until(at + 0.9 * number / EVENTS)
        visitor = visitor_of("fresh", number)
        world.receive(made_up("view_item", target, visitor, number, at), visitor, source)
    flooded = world.copy()
    world.receive(made_up("view_item", target, "honest", 5, at), "honest", 8)
    world.pages([], at)
    flooded.pages([], at)
    assert popularity_of(world, target) - popularity_of(flooded, target) == pytest.approx(voices)


def test_an_hour_of_made_up_visitors_from_one_source_brings_nothing_up(world: CrowdedShop) -> None:
    """Twice as many as bring it up when each has a source of its own (see below)."""
    before, popular, at = look_around(world)
    target = obscure_item(world, before)
    for number in range(600):
        world.wait_until(at + 6 * number)
        visitor = f"fresh{number}"
        for step, item in enumerate((*popular[number % 15 : number % 15 + 4], target)):
            world.receive(made_up("view_item", item, visitor, step, world.clock.now()), visitor, 7)
    after = world.pages(popular, world.clock.now())
    assert target not in shown_items(after["home", None])
    assert world.shop.items.trend[world.shop.items.row_of(target)] < SOURCE_ROOM + 3600 / VOICE_S


@pytest.mark.parametrize("source", [0, 7])
def test_made_up_visitors_do_not_become_neighbours_of_a_popular_item(world: CrowdedShop, source: int) -> None:
    before, popular, at = look_around(world)
    target = obscure_item(world, before)
    for number in range(EVENTS // 4):
        world.wait_until(at + 4 * number / EVENTS)
        visitor = f"fresh{number}"
        for step, item in enumerate((target, popular[number % 20])):
            for kind in ("view_item", "add_to_cart"):
                world.receive(made_up(kind, item, visitor, step, at), visitor, source)
    after = world.pages(popular, at)
    assert [page for page in after if target in shown_items(after[page])] == []
    assert after["home", None] == before["home", None]


def test_what_visitors_really_find_comes_up_within_the_hour(world: CrowdedShop) -> None:
    """300 visitors, each of them after four pages elsewhere; nobody else is in the shop."""
    before, popular, at = look_around(world)
    target = obscure_item(world, before)
    for number in range(300):
        world.wait_until(at + 12 * number)
        visitor = f"honest{number}"
        for step, item in enumerate((*popular[number % 15 : number % 15 + 4], target)):
            world.receive(made_up("view_item", item, visitor, step, world.clock.now()), visitor, number + 1)
    after = world.pages(popular, world.clock.now())
    assert target in shown_items(after["home", None])
    assert world.shop.items.trend[world.shop.items.row_of(target)] > 200


def popularity_of(world: CrowdedShop, item: str) -> float:
    return float(world.shop.items.popularity[world.shop.items.row_of(item)])


def look_around(world: CrowdedShop) -> tuple[Pages, list[str], float]:
    """All pages as they are now, the items whose product pages are among them, and now."""
    at = world.clock.now()
    world.pages([], at)
    popular = [world.shop.items.ids[row] for row in world.shop.items.by_popularity[:20].tolist()]
    return world.pages(popular, at), popular, at


def obscure_item(world: CrowdedShop, before: Pages) -> str:
    """The least popular item in stock that no page shows."""
    table = world.shop.items
    shown = {item for slots in before.values() for item in shown_items(slots)}
    rows = reversed(table.by_popularity.tolist())
    found = next(row for row in rows if table.ids[row] not in shown and table.stock[row] > 0)
    return str(table.ids[found])


def assert_same(before: Pages, after: Pages) -> None:
    assert len(before) > 50
    assert [page for page in before if before[page] != after[page]] == []
