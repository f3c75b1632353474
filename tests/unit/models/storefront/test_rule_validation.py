"""Rules that would empty the shop or change nothing are not let in; where they stand, they are used."""

from __future__ import annotations

import pytest

from models.storefront.index import index_storefront
from models.storefront.rule_validation import check_rules
from schemas.errors import InvalidDocument
from schemas.storefront import Match, RuleDef, Storefront

SHOES = Match(categories=["shoes"])
REFUSED = [
    ("match", RuleDef(id="r", action="exclude")),
    ("match", RuleDef(id="r", action="exclude", match=Match(items=[], tags=[]), pages=["home"])),
    ("match", RuleDef(id="r", action="boost", factor=2.0)),
    ("factor", RuleDef(id="r", action="boost", match=SHOES)),
    ("factor", RuleDef(id="r", action="boost", match=SHOES, factor=1)),
]
LET_IN = [
    RuleDef(id="s", action="exclude", match=Match(price_below=0.0)),
    RuleDef(id="s", action="boost", match=SHOES, factor=0.0),
    RuleDef(id="s", action="require_stock"),
    RuleDef(id="s", action="pin", match=Match(items=["i"])),
]


@pytest.mark.parametrize(("field", "rule"), REFUSED)
def test_a_rule_without_sense_is_refused_by_field(field: str, rule: RuleDef) -> None:
    with pytest.raises(InvalidDocument) as refused:
        check_rules([*LET_IN, rule])
    assert refused.value.field == f"$.rules[{len(LET_IN)}].{field}"


@pytest.mark.parametrize("rule", LET_IN)
def test_a_rule_with_sense_is_let_in(rule: RuleDef) -> None:
    check_rules([rule])


@pytest.mark.parametrize("rule", [rule for _, rule in REFUSED])
def test_one_that_stands_already_does_not_cost_the_storefront(rule: RuleDef) -> None:
    assert index_storefront(Storefront(rules=[rule])).rules == (rule,)
