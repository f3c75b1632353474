"""The registry of module kinds: which kind a module of the storefront is."""

from __future__ import annotations

from models.layout.kinds import crowd, history, listing, personal, price, similar
from models.layout.kinds.kind import ModuleKind
from models.storefront.index import ModulePlan

FAMILIES = (personal, similar, crowd, price, listing, history)
KINDS: dict[str, ModuleKind] = {kind.name: kind for family in FAMILIES for kind in family.KINDS}
"""Type -> kind; there is one for each type of `schemas.storefront.ModuleType`."""


def kind_of(module: ModulePlan) -> ModuleKind:
    """The kind of a module: that of its type, or the type's `without_item` when its title names no item."""
    kind = KINDS[module.type]
    return kind if kind.without_item is None or module.about == "item" else kind.without_item
