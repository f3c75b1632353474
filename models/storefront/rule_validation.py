"""What a rule must say to be let in, beyond fitting its pages.

Asked of documents that are pushed, not of what stands in the topic: there one refused rule would take the
whole storefront with it at the next start.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import InvalidDocument
from schemas.storefront import Match, RuleDef

EVERY_ITEM = Match()


def check_rules(rules: Sequence[RuleDef]) -> None:
    """InvalidDocument for a rule that would empty the shop or change nothing."""
    for n, rule in enumerate(rules):
        _check_rule(rule, f"$.rules[{n}]")


def _check_rule(rule: RuleDef, field: str) -> None:
    every = rule.match == EVERY_ITEM
    if rule.action == "exclude" and every:
        raise InvalidDocument("an exclude without a match would take every item away", field=f"{field}.match")
    if rule.action == "boost" and every:
        raise InvalidDocument("a boost of every item changes nothing", field=f"{field}.match")
    if rule.action == "boost" and rule.factor == 1:
        raise InvalidDocument("a boost by 1 changes nothing", field=f"{field}.factor")
