"""Whether a decided page shows what was shown before: then its layout keeps its id, else it gets another."""

from functools import lru_cache
from typing import Any

import cython

from models import use_compiled
from models.layout.rendering.answer import ID_PLACEHOLDER, hash_content, slots_json
from models.layout.rendering.wording import PERSONAL_REASONS

if not cython.compiled:
    from models.layout.fills.page_fills import PageFills


@lru_cache(maxsize=256)
def made_text(page: str, provenance: Any, item: str | None, category: str | None, q: str | None) -> bytes:
    """What a layout id is made from, besides visitor and slots; state version and signals have no part in it.

    Reference: DESIGN, decision 17.
    """
    made = (provenance.mode, provenance.reason, provenance.model, provenance.model_version, provenance.role)
    return "\0".join(map(str, ("", page, *made, item, category, q))).encode()


@cython.final
@cython.cclass
class Content:
    """What a decided page shows. It keeps the layout id of what was shown before when it is the same.

    Attributes:
        packed: The fills, packed.
        layout_id: Of the content.
        changed: Whether it differs from what was shown before.
        slots: As JSON under ID_PLACEHOLDER when it changed; else b"".
    """

    packed = cython.declare(bytes, visibility="readonly")
    layout_id = cython.declare(str, visibility="readonly")
    changed = cython.declare(cython.bint, visibility="readonly")
    slots = cython.declare(bytes, visibility="readonly")
    _fills: PageFills
    _view: Any
    _request: Any
    _personal: cython.bint

    def __init__(self, view: Any, request: Any, fills: PageFills, provenance: Any) -> None:
        """Identifies the content.

        Args:
            view: The StorefrontView whose numbers the fills use.
            request: The PageRequest, with what was shown before.
            fills: The page.
            provenance: How it was made.
        """
        self._view, self._request, self._fills = view, request, fills
        self._personal = provenance.reason in PERSONAL_REASONS
        self.packed, self.slots, self.changed = fills.pack(), b"", False
        if self._is_same(provenance):
            self.layout_id = request.previous.layout_id
            return
        self.changed = True
        self.slots = self._slots(ID_PLACEHOLDER)
        made = made_text(request.page, provenance, request.item, request.category, request.q)
        self.layout_id = hash_content(request.visitor.encode() + made, self.slots)

    @cython.cfunc
    def _slots(self, layout_id: str) -> bytes:
        request = self._request
        return slots_json(
            self._view, request.page, self._fills, layout_id, personal=self._personal, query=request.q or ""
        )

    @cython.cfunc
    def _is_same(self, provenance: Any) -> cython.bint:
        """Whether it was shown before: compared as numbers within one view, else by the JSON."""
        previous = self._request.previous
        if previous is None:
            return False
        if previous.provenance is not provenance and previous.provenance != provenance:
            return False
        view = previous.view()
        if view is self._view:
            return self.packed == previous.content
        if previous.texts is not None:
            return self._slots("") == previous.texts.json
        return view is not None and self._slots("") == self._slots_before(view)

    @cython.cfunc
    def _slots_before(self, view: Any) -> bytes:
        """The slots shown before, of another view, as JSON without id."""
        request = self._request
        previous = request.previous
        fills = PageFills()
        fills.read(previous.content)
        personal = previous.provenance.reason in PERSONAL_REASONS
        return slots_json(view, request.page, fills, "", personal=personal, query=request.q or "")


if not cython.compiled:
    use_compiled(globals())
