"""Which rules may be pushed: those that would empty the shop or change nothing are refused.

This is checked when a document is pushed, not when the topic is read: one refused rule already in the topic
would cost the whole storefront at the next start.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import InvalidDocument
from schemas.storefront import Match, RuleDef

EVERY_ITEM = Match()


def check_rules(rules: Sequence[RuleDef]) -> None:
    """Checks what a single rule says; whether it fits its pages and slots is checked by `index_storefront`.

    Args:
        rules: The rules of a document, in its order.

    Raises:
        InvalidDocument: An exclude or boost matches every item, or a boost has the factor 1; `field` names
            the rule by its number, e.g. `$.rules[2].match`.
    """
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
