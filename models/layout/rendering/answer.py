"""The bytes of a layout. A stored answer has two parts, head (version, as_of, edition) and body (the rest).

Head and body joined are the whole answer. An event that changes nothing visible rewrites the small head only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import msgspec
import xxhash

from models.layout.fills.packed_fills import Provenance
from models.layout.fills.page_fills import PageFills
from models.layout.kinds.registry import kind_of
from models.layout.rendering.slots import PhraseKey, SlotPieces
from models.layout.rendering.wording import reason_of, subject_name, title_of
from models.storefront.edition import Edition
from models.storefront.view import PHRASES_MAX, StorefrontView, index_json
from schemas.codec import encode
from schemas.layouts import Layout
from schemas.storefront import PageType

NO_VERSION = "0.0.0"
"""The version of a layout for a visitor without a state: no token of ours is older."""

ID_PLACEHOLDER = "\0"
"""Stands for a layout id that is not known yet; JSON holds this character nowhere."""

_BODY_STARTS = b',"layout_id":'
decode_layout = msgspec.json.Decoder(Layout).decode


def make_layout_id(*parts: object, slots: bytes = b"") -> str:
    """The id of a content: 20 hex digits of XXH3, which tells contents apart and protects nothing.

    Args:
        parts: Visitor, page, how it was made and what was requested; their texts, kept apart by NUL.
        slots: The slots as JSON, with ID_PLACEHOLDER for the id.
    """
    return hash_content("\0".join(map(str, parts)).encode(), slots)


def hash_content(made: bytes, slots: bytes) -> str:
    """`make_layout_id` with the parts as bytes."""
    return xxhash.xxh3_128_hexdigest(made + slots)[:20]


def layout_bytes(layout: Layout) -> bytes:
    """The whole answer."""
    return encode(layout)


def head_json(version: str, as_of: int, edition: Edition) -> bytes:
    """The head of an answer, without the closing brace.

    Args:
        version: The version of the visitor's state, or NO_VERSION.
        as_of: Epoch seconds of the state; 0 for none, which becomes null.
        edition: Of the Shop it was decided from.
    """
    return b'{"version":"%b","as_of":%b,"edition":"%b"' % (
        version.encode(), _time_json(as_of), edition.text().encode(),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _time_json(at: int) -> bytes:
    return encode(datetime.fromtimestamp(at, UTC)) if at else b"null"


@lru_cache(maxsize=256)
def _labels_json(page: PageType, provenance: Provenance, generation: int) -> bytes:
    """The fields of a body between the visitor and the slots."""
    return b',"page":"%b","mode":"%b","reason":"%b","model":%b,"experiments":[],"slots":' % (
        page.encode(), provenance.mode.encode(), provenance.reason.encode(),
        encode(provenance.model_tag(generation)),
    )  # fmt: skip


def body_json(
    layout_id: str, visitor: str, page: PageType, provenance: Provenance, generation: int, *, slots: bytes
) -> bytes:
    """The body of an answer, from the comma after the head to the closing brace.

    Args:
        layout_id: The id of the content.
        visitor: For whom.
        page: The page type.
        provenance: How the content was made: mode and reason.
        generation: Of the Shop.
        slots: From `slots_json`, under the same id.
    """
    return b'%b"%b","visitor_id":%b%b%b}' % (
        _BODY_STARTS, layout_id.encode(), encode(visitor), _labels_json(page, provenance, generation), slots,
    )  # fmt: skip


def add_unknown(body: bytes, parameter: str) -> bytes:
    """The body with `unknown`: the parameter that the page should be about and is not."""
    return b'%b,"unknown":["%b"]}' % (body[:-1], parameter.encode())


def slots_json(
    view: StorefrontView, page: PageType, fills: PageFills, layout_id: str, *, personal: bool, query: str
) -> bytes:
    """The `slots` of an answer, joined from ready pieces of a view.

    Args:
        view: The view whose numbers the fills use.
        page: The page type.
        fills: From the top.
        layout_id: The id for decision ids, or ID_PLACEHOLDER.
        personal: Whether the visitor's state was used; a stranger reads other titles and reasons.
        query: The text of a search page.

    Complexity: O(items shown); one title and reason is encoded for each phrase not in the view's cache.
    """
    pieces = view.slot_pieces.get(page)
    if pieces is None:
        kinds = [kind_of(module) for module in view.storefront.modules]
        pieces = view.slot_pieces[page] = SlotPieces(view, page, kinds, index_json, _make_phrase)
    slots: bytes = pieces.join(view, fills, layout_id.encode(), personal, query)
    return slots


def _make_phrase(view: StorefrontView, key: PhraseKey) -> bytes:
    """Title and reason of a fill as JSON, and the name of the next field."""
    code, subject, personal, about_holds, query = key
    module = view.storefront.modules[code]
    name = subject_name(view, module, subject, query)
    phrase = b'%b,"reason":%b,"decision_id":"' % (
        encode(title_of(module, name, personal)),
        encode(reason_of(kind_of(module).words, name, personal, about_holds=about_holds)),
    )
    if len(view.phrase_cache) >= PHRASES_MAX:
        view.phrase_cache.clear()
    view.phrase_cache[key] = phrase
    return phrase
