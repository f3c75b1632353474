"""The registry of module kinds: which kind a module of the storefront is."""

from __future__ import annotations

from collections.abc import Sequence

from models.layout.context import PageContext
from models.layout.kinds import crowd, history, listing, personal, price, related
from models.layout.kinds.kind import ModuleKind, Pool
from models.storefront.index import ModulePlan

FAMILIES = (personal, related, crowd, price, listing, history)
KINDS: dict[str, ModuleKind] = {kind.name: kind for family in FAMILIES for kind in family.KINDS}
"""Type -> kind; there is one for each type of `schemas.storefront.ModuleType`."""


def kind_of(module: ModulePlan) -> ModuleKind:
    """The kind of a module: that of its type, or the type's `without_item` when its title names no item."""
    kind = KINDS[module.type]
    return kind if kind.without_item is None or module.about == "item" else kind.without_item


def used_pools(contexts: Sequence[PageContext]) -> list[Pool]:
    """The pools that the modules of these pages show, each once."""
    plans = {id(context.plan): context.plan for context in contexts}.values()
    pools = [kind_of(module).pool for plan in plans for module in plan.modules]
    return list({pool.name: pool for pool in pools}.values())
