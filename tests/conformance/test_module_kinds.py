"""What every module kind must be, and that one class is enough to add one."""

from __future__ import annotations

from itertools import product
from math import isfinite
from random import Random
from typing import cast, get_args

import numpy as np
import pytest
from msgspec.structs import replace

from models.candidates.source import Source
from models.candidates.sources import SOURCES, source_bit
from models.candidates.visit import Visit
from models.layout.context import PageContext
from models.layout.fills.fill import Fill
from models.layout.fills.page_fills import NO_SUBJECT, PageFills, subject_hash
from models.layout.kind_traits import Words
from models.layout.kinds.candidates import ScoredCandidates
from models.layout.kinds.kind import ModuleKind, Pool
from models.layout.kinds.registry import KINDS, kind_of
from models.layout.rendering.wording import reason_of
from models.policy.decide import decide
from models.policy.inspection.explain import explained_layout
from models.policy.layout_decision import PageRequest
from models.policy.snapshot import Snapshot, build_snapshot
from models.storefront.defaults import DEFAULT_STOREFRONT
from models.storefront.shop import Shop, build_shop
from models.visitor.packing import pack
from models.visitor.state import VisitorState
from schemas.ids import VisitorId
from schemas.storefront import ModuleDef, ModuleType, PageDef, PageType, SlotDef, Storefront
from tests.unit.models.asked_pages import full_state
from tests.unit.models.page_contexts import PagePools, begin_page, collect_pools, score_pages
from tests.unit.models.random_shops import AT, OddRanker, random_snapshot, random_state

PAGES: tuple[PageType, ...] = get_args(PageType)


def with_every_kind(plain: Snapshot) -> Snapshot:
    """A shop where kinds that no page has by default stand in one more slot of the home page."""
    index = plain.shop.storefront
    absent = KINDS.keys() - {module.type for page in index.pages.values() for module in page.modules}
    if not absent:
        return plain
    modules = [
        ModuleDef(id=f"a-{name}-{number}", type=cast(ModuleType, name), title=title)
        for name in sorted(absent)
        for number, title in enumerate(
            ("A title", "Like {item}") if KINDS[name].without_item else ("A title",)
        )
    ]
    names = [module.id for module in modules]
    home = next(page for page in DEFAULT_STOREFRONT.pages if page.page == "home")
    slots = [*home.slots, SlotDef(id="home.absent", admits=names, default=names[0])]
    document = Storefront(pages=[replace(home, slots=slots)], modules=modules, rules=list(index.rules))
    return build_snapshot(build_shop(plain.shop.items, document, generation=7, built_at=AT), plain.ranker)


SNAPSHOT = with_every_kind(random_snapshot(Random(31), 250))
SHOP = SNAPSHOT.shop
EVERY = [*KINDS.values(), *(kind.without_item for kind in KINDS.values() if kind.without_item is not None)]

every_kind = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: f"{kind.name}-{kind.pool.name}")


SEEDS = range(18)


def a_state(seed: int, ids: list[str]) -> VisitorState:
    """Some know little of the visitor, others have something everywhere."""
    return (random_state if seed < 12 else full_state)(Random(seed), ids)


def contexts() -> list[PageContext]:
    """Of strangers, too."""
    ids = SHOP.items.ids
    return [
        begin_page(SHOP, a_state(seed, ids), page, item=ids[seed]) for seed, page in product(SEEDS, PAGES)
    ]


CONTEXTS = contexts()


def collect(shop: Shop, contexts: list[PageContext]) -> list[PagePools]:
    return collect_pools(contexts, score_pages(shop, contexts))


TOGETHER = collect(SHOP, CONTEXTS)


def pages_with(kind: ModuleKind) -> list[int]:
    return [number for number, context in enumerate(CONTEXTS) if kind.pool in context.page.pools]


def fills_of(subject: int, rows: list[int]) -> PageFills:
    fills = PageFills()
    fills.read_list([Fill(0, 0, NO_SUBJECT, [1]), Fill(1, 1, subject, rows)])
    return fills


def test_every_type_of_the_contract_has_a_kind() -> None:
    assert set(KINDS) == set(get_args(ModuleType))
    assert all(kind.name == name for name, kind in KINDS.items())


def test_a_name_belongs_to_one_pool() -> None:
    pools = {id(kind.pool): kind.pool for kind in EVERY}.values()
    assert len({pool.name for pool in pools}) == len(pools)


@every_kind
def test_its_pool_is_of_candidates_or_of_what_the_visitor_knows(kind: ModuleKind) -> None:
    """Each row once, and none that rules remove."""
    shown = 0
    for number in pages_with(kind):
        context, rows = CONTEXTS[number], TOGETHER[number].of(kind.pool)
        known = {*context.recent[: context.recent_count], *context.cart[: context.cart_count]}
        assert set(rows) <= (known if kind.known else set(TOGETHER[number].scores))
        assert len(set(rows)) == len(rows)
        assert all(context.page.allowed[row] for row in rows)
        shown += len(rows)
    assert shown, "no page of this shop has candidates for it"


@every_kind
def test_its_pool_does_not_depend_on_the_other_pages(kind: ModuleKind) -> None:
    for number in pages_with(kind):
        (alone,) = collect(SHOP, [CONTEXTS[number]])
        assert alone.of(kind.pool) == TOGETHER[number].of(kind.pool)


@every_kind
def test_its_subject_is_an_item_a_hash_or_nothing(kind: ModuleKind) -> None:
    for context in CONTEXTS:
        subject = kind.subject(context)
        assert subject < SHOP.items.n
        assert subject >= NO_SUBJECT or 0 <= subject_hash(subject) < 1 << 32


@every_kind
def test_its_evidence_is_a_number_and_none_for_a_stranger(kind: ModuleKind) -> None:
    assert {context.visit.known for context in CONTEXTS} == {True, False}
    for context in CONTEXTS:
        evidence = kind.evidence(context)
        assert isfinite(evidence)
        assert evidence >= 0
        if not context.visit.known:
            assert evidence == 0


@every_kind
def test_it_can_say_whether_its_words_hold(kind: ModuleKind) -> None:
    assert kind.about_holds(SHOP.view.columns, fills_of(NO_SUBJECT, [0, 1, 2]), 1)
    for context in CONTEXTS:
        fills = fills_of(kind.subject(context), [3, 4])
        assert kind.about_holds(SHOP.view.columns, fills, 1) in (True, False)
        assert kind.about_holds(SHOP.view.columns, fills_of(kind.subject(context), []), 1) in (True, False)


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
    for decision, state in zip(decide(snapshot, requests_for(kind), AT), STATES, strict=True):
        (pools,) = collect(snapshot.shop, [begin_page(snapshot.shop, state, decision.request.page)])
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


STATES = [a_state(seed, SHOP.items.ids) for seed in SEEDS]


def requests_for(kind: ModuleKind) -> list[PageRequest]:
    return [
        PageRequest(
            visitor=VisitorId("a:v"),
            state=pack(state),
            version=None,
            page=kind.lists or "home",
            category="mugs",
            q="thing 12",
            explained=True,
        )
        for state in STATES
    ]


# One kind and one source from outside: what a shop's engineer would write, and nothing else.


class UnderSixty(Source):
    def propose(self, visit: Visit) -> None:
        for row in np.flatnonzero(np.asarray(visit.columns.price) < 60)[:30]:
            visit.add(row)


class BargainPool(Pool):
    def collect(self, candidates: ScoredCandidates) -> None:
        candidates.add_proposed(source_bit("under_sixty"))


class Bargains(ModuleKind):
    """About the cheapest candidate that is looked at, if it was not looked at before."""

    def subject(self, context: PageContext) -> int:
        visit = context.visit
        rows: list[int] = list(visit.rows[: visit.count])
        return min(rows, key=lambda row: visit.columns.price[row])

    def evidence(self, context: PageContext) -> float:
        return 50.0

    def about_holds(self, columns: object, fills: PageFills, index: int) -> bool:
        return fills.subjects[index] in fills.rows[fills.starts[index] : fills.starts[index + 1]]


class StrayPool(Pool):
    def collect(self, candidates: ScoredCandidates) -> None:
        candidates.add(candidates.count)


BARGAINS = Bargains(
    "bargains", BargainPool("bargains"), Words("Nothing here costs more than sixty", about="From {it} on")
)
STRAY = ModuleKind("stray", StrayPool("stray"), Words("One too many"))


def test_a_kind_and_a_source_from_outside_stand_on_a_page_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "under_sixty", UnderSixty("under_sixty"))
    monkeypatch.setitem(KINDS, BARGAINS.name, BARGAINS)
    snapshot = snapshot_with(BARGAINS)
    (decision,) = decide(snapshot, requests_for(BARGAINS)[:1], AT)
    (slot,) = explained_layout(decision).slots
    (fill,) = decision.assembled
    table = snapshot.shop.items
    name = table.items[fill.subject].title if fill.subject in fill.rows else ""
    reason = reason_of(BARGAINS.words, name, personal=True)
    assert (slot.module.type, slot.module.reason) == ("bargains", reason)
    assert slot.module.items
    for item in slot.module.items:
        assert table.price[table.row_of(item.id)] < 60
        assert item.why is not None
        assert "under_sixty" in item.why.sources


def test_a_kind_from_outside_that_fails_takes_no_other_page_along(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [one.body() for one in decide(SNAPSHOT, requests_for(KINDS["hero"]), AT)]
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, STRAY.name, STRAY)
        with pytest.raises(IndexError, match="none of"):
            decide(snapshot_with(STRAY), requests_for(STRAY), AT)
    assert [one.body() for one in decide(SNAPSHOT, requests_for(KINDS["hero"]), AT)] == before
