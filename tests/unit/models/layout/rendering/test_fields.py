"""Fields read from a layout's bytes are those that decoding gives."""

from __future__ import annotations

import msgspec

from models.layout.rendering.answer import head_json
from models.layout.rendering.fields import as_of_of, body_of, exposure_of, labels_of, layout_id_of, relabel
from models.policy.fallback import static_layout
from models.storefront.edition import FIRST
from schemas.codec import encode
from schemas.decisions import Exposure
from schemas.ids import VisitorId
from schemas.layouts import Layout

NASTY = VisitorId('a:","mode":"full","slots":[')
"""An id that would fool a search without respect for quotes."""

LAYOUT = static_layout("home", NASTY, "redis_down")
RAW = encode(LAYOUT)


def test_labels() -> None:
    assert labels_of(RAW) == ("static", "redis_down")
    assert layout_id_of(RAW) == LAYOUT.layout_id


def test_another_label_on_the_same_layout() -> None:
    stale = msgspec.json.decode(relabel(RAW, "stale", "stream_stale"), type=Layout)
    assert (stale.mode, stale.reason) == ("stale", "stream_stale")
    assert msgspec.structs.replace(stale, mode="static", reason="redis_down") == LAYOUT


def test_an_exposure_has_the_fields_of_its_layout() -> None:
    exposure = msgspec.json.decode(exposure_of(RAW, "2026-11-24T12:00:00+00:00", "get"), type=Exposure)
    assert exposure.layout_id == LAYOUT.layout_id
    assert exposure.visitor_id == NASTY
    assert (exposure.mode, exposure.reason, exposure.via) == ("static", "redis_down", "get")


def test_head_and_body_make_the_whole() -> None:
    body = body_of(RAW)
    assert body.startswith(b',"layout_id":')
    assert RAW.endswith(body)


def test_the_age_of_a_layout_is_that_of_its_state() -> None:
    assert as_of_of(RAW) is None
    assert as_of_of(head_json("v", 1_760_000_000, FIRST) + body_of(RAW)) == 1_760_000_000
