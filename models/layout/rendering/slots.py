"""The slots of an answer as JSON, joined from ready pieces of a view."""

from collections.abc import Callable, Sequence
from typing import Any

import cython

from models import use_compiled

if not cython.compiled:
    from models.layout.fills.page_fills import PageFills
    from models.layout.kinds.kind import ModuleKind
    from models.storefront.columns import ViewColumns

PhraseKey = tuple[int, int, bool, bool, str]
"""(module, subject, personal, about_holds, query)."""


@cython.final
@cython.cclass
class SlotPieces:
    """The pieces that the slots of one page are joined from, and the phrases made so far.

    Args:
        view: The StorefrontView; its JSON pieces and its phrase cache are used.
        page: The page type.
        kinds: The ModuleKind of each module of the storefront, by number.
        index_json: Gives what follows each item of a row of so many: index, `}` and comma.
        make_phrase: Makes and caches title and reason of a key that the view's cache does not have.
    """

    _items: list[Any]
    _slots: tuple[Any, ...]
    _names: tuple[Any, ...]
    _modules: tuple[Any, ...]
    _kinds: list[Any]
    _named_by_query: list[Any]
    _columns: ViewColumns
    _phrases: dict[Any, Any]
    _index_json: Any
    _make_phrase: Any

    def __init__(
        self,
        view: Any,
        page: str,
        kinds: Sequence[Any],
        index_json: Callable[[int], tuple[bytes, ...]],
        make_phrase: Callable[[Any, PhraseKey], bytes],
    ) -> None:
        self._items, self._modules = view.item_json, view.module_json
        self._slots, self._names = view.slot_json[page], view.slot_names[page]
        self._kinds, self._columns, self._phrases = list(kinds), view.columns, view.phrase_cache
        self._named_by_query = [module.about == "query" for module in view.storefront.modules]
        self._index_json, self._make_phrase = index_json, make_phrase

    def join(self, view: Any, fills: PageFills, layout_id: bytes, personal: bool, query: str) -> bytes:
        """The `slots` of an answer.

        Args:
            view: The view that these are the pieces of; a reference kept here would be a cycle.
            fills: From the top, in the numbers of the view.
            layout_id: The id for decision ids, or a placeholder.
            personal: Whether the visitor's state was used; a stranger reads other titles and reasons.
            query: The text of a search page.

        Complexity: O(items shown).
        """
        parts: list[Any] = [b"["]
        i: cython.int
        for i in range(fills.count):
            if i:
                parts.append(b",")
            parts.append(self._slots[fills.slots[i]])
            parts.append(self._modules[fills.modules[i]])
            parts.append(self._phrase(view, fills, i, personal, query))
            parts.append(layout_id)
            parts.append(self._names[fills.slots[i]])
            self._add_items(parts, fills, i)
            parts.append(b'],"score":null}}')
        parts.append(b"]")
        return b"".join(parts)

    @cython.cfunc
    def _add_items(self, parts: list[Any], fills: PageFills, index: cython.int) -> cython.void:
        start: cython.int = fills.starts[index]
        count: cython.int = fills.starts[index + 1] - start
        ends: tuple[Any, ...] = self._index_json(count)
        i: cython.int
        for i in range(count):
            parts.append(self._items[fills.rows[start + i]])
            parts.append(ends[i])

    @cython.cfunc
    def _phrase(self, view: Any, fills: PageFills, index: cython.int, personal: Any, query: str) -> bytes:
        """`"title","reason":"…","decision_id":"` of a fill."""
        module: cython.int = fills.modules[index]
        kind: ModuleKind = self._kinds[module]
        holds: cython.bint = kind.about_holds(self._columns, fills, index)
        key: tuple[Any, ...] = (
            module,
            fills.subjects[index],
            personal,
            holds,
            query if self._named_by_query[module] else "",
        )
        phrase: bytes | None = self._phrases.get(key)
        return self._make_phrase(view, key) if phrase is None else phrase


if not cython.compiled:
    use_compiled(globals())
