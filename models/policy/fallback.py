"""The last fallback: packaged layouts that need no shop, no state and no broker.

They are the default storefront's frames without items, for a storefront to fill with what it has: valid,
labelled with why, and always available.
"""

from __future__ import annotations

from models.layout.rendering.answer import NO_VERSION, make_layout_id
from models.storefront.defaults import DEFAULT_STOREFRONT
from models.storefront.edition import FIRST
from models.storefront.index import ModulePlan, PagePlan, SlotPlan, StorefrontIndex, index_storefront
from schemas.ids import VisitorId
from schemas.layouts import Layout, LayoutModule, LayoutSlot, ModelTag, Reason
from schemas.storefront import PageType

NO_MODEL = ModelTag(name="none", version="0", generation=0, role="none")
_REASON = "Our window is being dressed; this is what we always show"
_DEFAULT = index_storefront(DEFAULT_STOREFRONT)


def static_modules(storefront: StorefrontIndex, plan: PagePlan) -> list[tuple[SlotPlan, ModulePlan]]:
    """For each slot a module whose title names nothing, so that it can stand without items.

    Args:
        storefront: The modules.
        plan: One of its pages.

    Returns:
        (slot, module) from the top, no module twice where that is possible; a slot that admits no such module
        gets its default.
    """
    chosen: list[tuple[SlotPlan, ModulePlan]] = []
    used: set[int] = set()
    for slot in plan.slots:
        plain = [code for code in (slot.default, *slot.admits) if not storefront.modules[code].about]
        code = next((code for code in plain if code not in used), plain[0] if plain else slot.default)
        used.add(code)
        chosen.append((slot, storefront.modules[code]))
    return chosen


def static_layout(page: PageType, visitor: VisitorId, reason: Reason, version: str = NO_VERSION) -> Layout:
    """The packaged layout of a page, mode static.

    Args:
        page: The page type.
        visitor: For whom.
        reason: What was missing for a better one.
        version: The version it answers for, as text.
    """
    layout_id = make_layout_id(visitor, page, version, "static")
    slots = [
        LayoutSlot(
            slot=slot.id,
            module=LayoutModule(
                id=module.id,
                type=module.type,
                title=module.stranger_title or (module.id.capitalize() if module.about else module.title),
                reason=_REASON,
                decision_id=f"{layout_id}/{slot.id}",
                propensity=1.0,
                items=[],
            ),
        )
        for slot, module in static_modules(_DEFAULT, _DEFAULT.pages[page])
    ]
    return Layout(
        version=version,
        as_of=None,
        edition=FIRST.text(),
        layout_id=layout_id,
        visitor_id=visitor,
        page=page,
        mode="static",
        reason=reason,
        model=NO_MODEL,
        experiments=[],
        slots=slots,
    )
