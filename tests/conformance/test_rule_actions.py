"""What every rule action must do: change what a page may show, on its pages and in its time only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import get_args

import numpy as np
import pytest
from msgspec.structs import replace

from models.storefront.index import index_storefront
from models.storefront.rule_validation import check_rules
from models.storefront.rules import PageRules, compile_rules, page_rules
from schemas.storefront import Match, PageType, RuleAction, RuleDef, Storefront
from tests.unit.models.random_shops import AT, random_table

TABLE = random_table(Random(51), 60)
IN_STOCK = next(row for row in range(TABLE.n) if TABLE.stock[row] > 0)
ITEM = Match(items=[TABLE.ids[IN_STOCK]])

SAMPLES: Mapping[RuleAction, RuleDef] = {
    "pin": RuleDef(id="one", action="pin", match=ITEM),
    "exclude": RuleDef(id="one", action="exclude", match=ITEM),
    "require_stock": RuleDef(id="one", action="require_stock", match=ITEM, at_least=1000),
    "boost": RuleDef(id="one", action="boost", match=ITEM, factor=2.0),
}
"""A rule of each action about one item that can be bought."""

every_action = pytest.mark.parametrize("action", get_args(RuleAction))


def rules_of(*rules: RuleDef, page: PageType = "home", at: float = AT) -> PageRules:
    check_rules(rules)
    return page_rules(compile_rules(TABLE, index_storefront(Storefront(rules=list(rules)))), page, at)


def differ(one: PageRules, other: PageRules) -> bool:
    same = np.array_equal(one.allowed, other.allowed) and one.pins == other.pins
    return not (same and (one.boost is None) == (other.boost is None))


@every_action
def test_it_changes_what_its_page_shows(action: RuleAction) -> None:
    assert differ(rules_of(SAMPLES[action]), rules_of())


@every_action
def test_it_leaves_other_pages_alone(action: RuleAction) -> None:
    rule = replace(SAMPLES[action], pages=["cart"])
    assert not differ(rules_of(rule), rules_of())
    assert differ(rules_of(rule, page="cart"), rules_of(page="cart"))


@every_action
def test_it_holds_in_its_time(action: RuleAction) -> None:
    later = datetime.fromtimestamp(AT + 60, UTC)
    rule = replace(SAMPLES[action], starts_at=later)
    assert not differ(rules_of(rule), rules_of())
    assert differ(rules_of(rule, at=AT + 61), rules_of(at=AT + 61))


@every_action
def test_no_action_brings_back_what_is_sold_out(action: RuleAction) -> None:
    sold_out = next(row for row in range(TABLE.n) if TABLE.stock[row] == 0)
    rule = replace(SAMPLES[action], match=Match(items=[TABLE.ids[sold_out]]))
    found = rules_of(rule)
    assert not found.allowed[sold_out]
    assert sold_out not in found.reserved
