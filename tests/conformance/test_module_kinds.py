"""What every module kind must be, and that one value is enough to add one."""

from __future__ import annotations

from itertools import product
from math import isfinite
from random import Random
from typing import cast, get_args

import numpy as np
import pytest

from models.candidates.source import Source
from models.candidates.sources import SOURCES
from models.candidates.visit import Visit
from models.layout.context import PageContext, build_context
from models.layout.fills.page_fills import NO_SUBJECT, subject_hash
from models.layout.kinds.kind import CandidateBatch, ModuleKind, Pool, Words
from models.layout.kinds.registry import KINDS, kind_of
from models.layout.pools import build_pools
from models.layout.rendering.wording import reason_of
from models.policy.decide import decide
from models.policy.inspection.explain import explained_layout
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import Snapshot, build_snapshot
from models.storefront.shop import build_shop
from schemas.ids import VisitorId
from schemas.storefront import ModuleDef, ModuleType, PageDef, PageType, SlotDef, Storefront
from tests.unit.models.random_shops import AT, OddRanker, random_snapshot, random_state

PAGES: tuple[PageType, ...] = get_args(PageType)
SNAPSHOT = random_snapshot(Random(31), 250)
SHOP = SNAPSHOT.shop
EVERY = [*KINDS.values(), *(kind.without_item for kind in KINDS.values() if kind.without_item is not None)]

every_kind = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: f"{kind.name}-{kind.pool.name}")


def contexts() -> list[PageContext]:
    ids = SHOP.items.ids
    return [
        build_context(
            SHOP,
            PageRequest(
                visitor=VisitorId("a:v"),
                state=random_state(Random(seed), ids),
                version=None,
                page=page,
                item=ids[seed],
                category="mugs",
                q="thing 12",
            ),
            AT,
        )
        for seed, page in product(range(12), PAGES)
    ]


CONTEXTS = contexts()


def batch_of(contexts: list[PageContext]) -> CandidateBatch:
    rows = [context.candidates.rows for context in contexts]
    return CandidateBatch(
        SHOP.items,
        contexts,
        rows=np.concatenate(rows),
        sources=np.concatenate([context.candidates.sources for context in contexts]),
        page_index=np.arange(len(contexts)).repeat([len(part) for part in rows]),
    )


def test_every_type_of_the_contract_has_a_kind() -> None:
    assert set(KINDS) == set(get_args(ModuleType))
    assert all(kind.name == name for name, kind in KINDS.items())


def test_a_name_belongs_to_one_pool() -> None:
    pools = {id(kind.pool): kind.pool for kind in EVERY}.values()
    assert len({pool.name for pool in pools}) == len(pools)


@every_kind
def test_its_pool_is_made_in_one_way(kind: ModuleKind) -> None:
    pool = kind.pool
    assert [pool.mask is not None, pool.own is not None, pool.everything].count(True) == 1
    assert pool.mask is not None or (pool.spare_mask is None and pool.order is None)
    assert kind.known == (pool.own is not None)


@every_kind
def test_its_masks_cover_the_batch(kind: ModuleKind) -> None:
    batch = batch_of(CONTEXTS)
    for mask in (kind.pool.mask, kind.pool.spare_mask):
        if mask is not None:
            member = mask(batch)
            assert member.dtype == np.bool_
            assert member.shape == batch.rows.shape
            assert member.any(), "no page of this shop has candidates for it"
    if kind.pool.mask is not None and kind.pool.spare_mask is not None:
        assert not (kind.pool.mask(batch) & kind.pool.spare_mask(batch)).any()


@every_kind
def test_a_mask_does_not_depend_on_the_other_pages(kind: ModuleKind) -> None:
    batch = batch_of(CONTEXTS)
    for mask in (kind.pool.mask, kind.pool.spare_mask):
        if mask is not None:
            alone = [mask(batch_of([context])) for context in CONTEXTS]
            assert np.array_equal(np.concatenate(alone), mask(batch))


@every_kind
def test_its_subject_is_an_item_a_hash_or_nothing(kind: ModuleKind) -> None:
    for context in CONTEXTS:
        subject = kind.subject(context)
        assert subject < SHOP.items.n
        assert subject >= NO_SUBJECT or 0 <= subject_hash(subject) < 1 << 32


@every_kind
def test_its_evidence_is_a_number_and_none_for_a_stranger(kind: ModuleKind) -> None:
    for context in CONTEXTS:
        evidence = kind.evidence(context, AT)
        assert isfinite(evidence)
        assert evidence >= 0
        if context.state_reason == "cold_start":
            assert evidence == 0


@every_kind
def test_it_can_say_whether_its_words_hold(kind: ModuleKind) -> None:
    assert kind.about_holds(SHOP.view, NO_SUBJECT, [0, 1, 2])
    for context in CONTEXTS:
        assert kind.about_holds(SHOP.view, kind.subject(context), [3, 4]) in (True, False)


@every_kind
@pytest.mark.parametrize(
    ("name", "personal", "holds"), list(product(("", "lamps"), (True, False), (True, False)))
)
def test_its_reasons_are_whole_sentences(kind: ModuleKind, name: str, personal: bool, holds: bool) -> None:
    text = reason_of(kind.words, name, personal, about_holds=holds)
    assert text[:1].isupper()
    assert "{" not in text


@every_kind
def test_what_its_module_shows_is_of_its_pool(kind: ModuleKind) -> None:
    """Or of the spare order, when the pool has too little."""
    snapshot = snapshot_with(kind)
    table = snapshot.shop.items
    spare = set(getattr(table, kind.spare).tolist()) if kind.spare else set()
    shown = 0
    for decision in decide(snapshot, requests_for(kind), AT):
        (pools,) = build_pools(table, [decision.context], [decision.scored.scores], [kind.pool])
        for fill in decision.assembled:
            assert set(fill.rows) <= set(pools.of(kind.pool)) | spare
            shown += len(fill.rows)
    assert shown


def snapshot_with(kind: ModuleKind) -> Snapshot:
    """The shop with one module of a kind on the only slot of a page."""
    title = "Like {item}" if kind is KINDS["better_price"] else "A title"
    module = ModuleDef(id="mine", type=kind.name, title=title, items_min=1)
    page = PageDef(page=kind.lists or "home", slots=[SlotDef(id="only", admits=["mine"], default="mine")])
    shop = build_shop(SHOP.items, Storefront(pages=[page], modules=[module]))
    assert kind_of(shop.storefront.modules[shop.storefront.module_codes["mine"]]) is kind
    return build_snapshot(shop, OddRanker())


def requests_for(kind: ModuleKind) -> list[PageRequest]:
    states = [random_state(Random(seed), SHOP.items.ids) for seed in range(12)]
    return [
        PageRequest(
            visitor=VisitorId("a:v"),
            state=state,
            version=None,
            page=kind.lists or "home",
            category="mugs",
            q="thing 12",
        )
        for state in states
    ]


# One kind and one source from outside: what a shop's engineer would write, and nothing else.


class UnderSixty(Source):
    def propose(self, visit: Visit) -> None:
        for row in np.flatnonzero(np.asarray(visit.columns.price) < 60)[:30]:
            visit.add(row)


BARGAINS = ModuleKind(
    name=cast(ModuleType, "bargains"),
    pool=Pool("bargains", mask=lambda batch: batch.proposed_by("under_sixty")),
    words=Words("Nothing here costs more than sixty"),
    evidence=lambda context, at: 50.0,
)


def test_a_kind_and_a_source_from_outside_stand_on_a_page_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "under_sixty", UnderSixty("under_sixty"))
    monkeypatch.setitem(KINDS, BARGAINS.name, BARGAINS)
    snapshot = snapshot_with(BARGAINS)
    (decision,) = decide(snapshot, requests_for(BARGAINS)[:1], AT)
    (slot,) = explained_layout(decision).slots
    table = snapshot.shop.items
    assert (slot.module.type, slot.module.reason) == ("bargains", BARGAINS.words.reason)
    assert slot.module.items
    for item in slot.module.items:
        assert table.price[table.row_of(item.id)] < 60
        assert item.why is not None
        assert "under_sixty" in item.why.sources
