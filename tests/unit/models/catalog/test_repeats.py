"""What a visitor said of an item counts once a day."""

from __future__ import annotations

from models.catalog.signals import repeats
from models.catalog.signals.extraction import AGAIN_S, ItemInteractions
from models.catalog.signals.repeats import VISITORS_MAX, Repeats
from schemas.ids import ItemId, VisitorId

T0 = 1_760_000_000.0
ANN, BOB = VisitorId("a:ann"), VisitorId("a:bob")
X, Y = ItemId("x"), ItemId("y")


def views(*items: ItemId) -> ItemInteractions:
    return ItemInteractions("views", list(items), pairs=[(item, ItemId("z")) for item in items])


def test_the_same_of_the_same_item_is_said_once_a_day() -> None:
    said = Repeats()
    assert said.new_of(ANN, views(X), T0) == views(X)
    for number in range(100):  # a state would have forgotten X
        said.new_of(ANN, views(ItemId(f"i{number}")), T0 + number)
    assert said.new_of(ANN, views(X), T0 + 3600) is None
    assert said.new_of(BOB, views(X), T0 + 3600) == views(X)
    assert said.new_of(ANN, ItemInteractions("purchases", [X]), T0) == ItemInteractions("purchases", [X])
    assert said.new_of(ANN, views(X), T0 + AGAIN_S + 1) == views(X)


def test_what_is_new_of_an_event_counts_with_its_pairs() -> None:
    said = Repeats()
    said.new_of(ANN, views(X), T0)
    assert said.new_of(ANN, views(X, Y), T0) == views(Y)


def test_few_are_taken_for_others() -> None:
    said = Repeats()
    kept = [said.new_of(ANN, views(ItemId(f"i{number}")), T0) is not None for number in range(40)]
    assert sum(kept) > 30


def test_the_visitors_remembered_are_bounded() -> None:
    said, least = Repeats(), repeats.VISITORS_MAX
    for number in range(VISITORS_MAX + 10):
        said.new_of(VisitorId(f"a:{number}"), views(X), T0)
    assert len(said._said) == least
