"""The policy: which layout a visitor gets. Pure: the same input gives the same bytes.

The candidates of several requests are scored in one run of the ranker. Without a ranker, and when it fails,
the understudy ranks and the layout says so. A stranger, of whom nothing may or can be used, gets what other
shoppers like.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import ref

from msgspec.structs import replace

from models.layout.fills.fill import Fill
from models.layout.fills.packed_fills import PackedFills, Provenance
from models.layout.fills.page_fills import NO_SUBJECT, PageFills
from models.policy.content import Content
from models.policy.fallback import NO_MODEL, static_modules
from models.policy.layout_decision import LayoutDecision, PageRequest, no_evidence
from models.policy.page_run import RUN_MAX, PageRun
from models.policy.snapshot import Snapshot
from models.storefront.shop import Shop
from models.visitor.packing import unpack
from schemas.layouts import Layout, Reason


def decide(snapshot: Snapshot, requests: Sequence[PageRequest], at: float) -> list[LayoutDecision]:
    """Decides the layouts of many requests.

    Args:
        snapshot: Shop, feature index and rankers; one for all requests.
        requests: The pages wanted; they do not influence each other.
        at: Now, epoch seconds.

    Returns:
        A decision for each request, in order. A Shop without items gives frames without items (mode static,
        reason stream_stale). A ranker's failure is not raised: it is the reason of the layouts.

    Raises:
        KeyError: A page type that the storefront does not have.
        UnknownVersion: A packed state that this code cannot read.

    Complexity: One feature matrix and one run of the ranker for each RUN_MAX requests; then O(items shown) a
        request.
    """
    shop = snapshot.shop
    if not shop.items.n:
        return [_empty_catalogue_layout(shop, request, at) for request in requests]
    decisions: list[LayoutDecision] = []
    free: list[PageRun] = snapshot.free_runs
    run = free.pop() if free else PageRun()  # another thread may be deciding, too
    for start in range(0, len(requests), RUN_MAX):
        decisions += run.decide(snapshot, list(requests[start : start + RUN_MAX]), at)
    free.append(run)  # not one that raised: it may be half-way through a page
    return decisions


def _empty_catalogue_layout(shop: Shop, request: PageRequest, at: float) -> LayoutDecision:
    """The page of a Shop without items: frames only, until the catalogue is there."""
    plan = shop.storefront.pages[request.page]
    provenance = Provenance("static", "stream_stale", NO_MODEL.name, NO_MODEL.version, NO_MODEL.role)
    frames = [
        Fill(slot.code, module.code, NO_SUBJECT, []) for slot, module in static_modules(shop.storefront, plan)
    ]
    fills = PageFills()
    fills.read_list(frames)
    content = Content(shop.view, request, fills, provenance)
    return LayoutDecision(
        request=request,
        fills=PackedFills(
            layout_id=content.layout_id,
            provenance=provenance,
            content=content.packed,
            view=ref(shop.view),
        ),
        changed=content.changed,
        shop=shop,
        as_of=unpack(request.state).at,
        at=at,
        subject_known=False,
        slots_without_id=content.slots,
        evidence=no_evidence() if request.explained else None,
    )


def popular_layout(snapshot: Snapshot, request: PageRequest, reason: Reason, at: float) -> Layout:
    """The page of a stranger, for when the visitor's own cannot be had.

    Args:
        snapshot: Shop, feature index and rankers.
        request: Its state, version and previous content are not used.
        reason: Why the visitor's own page cannot be had; the layout carries it with the mode popular.
        at: Now, epoch seconds.

    Returns:
        The layout; that of a Shop without items keeps its mode static and its own reason.
    """
    stranger = replace(request, state=b"", version=None, previous=None)
    layout = decide(snapshot, [stranger], at)[0].layout
    return layout if layout.mode == "static" else replace(layout, mode="popular", reason=reason)
