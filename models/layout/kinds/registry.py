"""Every module kind by the word of its type, and which kind a module of a storefront is."""

from __future__ import annotations

from models.layout.kinds import crowd, history, listing, personal, price, similar
from models.layout.kinds.kind import ModuleKind
from models.storefront.index import ModulePlan

FAMILIES = (personal, similar, crowd, price, listing, history)
KINDS: dict[str, ModuleKind] = {kind.name: kind for family in FAMILIES for kind in family.KINDS}
"""Type -> kind; a kind for each word of `schemas.storefront.ModuleType`."""


def kind_of(module: ModulePlan) -> ModuleKind:
    """The kind of a module, by its type and by whether its title names an item."""
    kind = KINDS[module.type]
    return kind if kind.untied is None or module.about == "item" else kind.untied
