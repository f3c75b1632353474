"""Builds a Snapshot from its inputs, and loads the ranker that the settings name.

The follower runs both in a thread; neither waits for a service.
"""

from __future__ import annotations

from models.catalog.build import build_items, with_signals
from models.catalog.table import ItemTable
from models.policy.snapshot import Snapshot, build_snapshot
from models.ranking.onnx import load_ranker
from models.ranking.ranker import Ranker
from models.storefront.shop import Shop, with_items, with_storefront
from schemas.errors import EtalageError, InvalidDocument, RankerFailed
from schemas.storefront import storefront_of
from streams.runtime.telemetry.logs import logger
from streams.shop.inputs import InputChanges, ShopInputs
from streams.shop.policy_thread import INLINE_ROW_US_MAX, measure_row_us

log = logger("shop")

UNDERSTUDY_ONLY = "none"


def load_configured_ranker(setting: str | None) -> tuple[Ranker | None, str]:
    """Load the ranker that ETALAGE_RANKER names.

    Args:
        setting: Folder of an artifact, `none` for the understudy alone, None for the packaged artifact.

    Returns:
        The ranker and an empty text, or None and the reason; no error is raised.
    """
    if setting == UNDERSTUDY_ONLY:
        return None, "ETALAGE_RANKER is none"
    try:
        ranker = load_ranker(setting) if setting else load_ranker()
        _warn_of_slow_inline(ranker)
        return ranker, ""
    except EtalageError as exc:
        return None, str(exc)
    except Exception as exc:
        # A broken file can make the runtime raise anything; serving continues with the understudy.
        return None, f"{type(exc).__name__}: {exc}"


def _warn_of_slow_inline(ranker: Ranker) -> None:
    if ranker.inline and (us := measure_row_us(ranker)) > INLINE_ROW_US_MAX:
        log.warning("ranker holds up the event loop", ranker=ranker.name, row_us=round(us, 2))


def describe_ranker(setting: str | None) -> str:
    """Return in one line which ranker a process with this setting uses; raises RankerFailed for none."""
    ranker, reason = load_configured_ranker(setting)
    if ranker is not None:
        return f"{ranker.name} {ranker.version}, {setting or 'the packaged one'}"
    if setting == UNDERSTUDY_ONLY:
        return f"popularity only: {reason}"
    raise RankerFailed(reason)


def rebuild_snapshot(snapshot: Snapshot, inputs: ShopInputs, changes: InputChanges, at: float) -> Snapshot:
    """Build the next snapshot; parts that `changes` does not name are shared with the one before.

    Args:
        snapshot: The one in use; it is not modified.
        inputs: What was read so far. They must not change meanwhile.
        changes: Which inputs changed since `snapshot` was built.
        at: Time of the build, epoch seconds.

    Returns:
        The new snapshot. When the changed sections do not fit together it keeps the storefront before,
        which is logged: whoever writes sections one by one may complete them with the next record.
    """
    shop = _rebuild_shop(snapshot.shop, inputs, changes, at)
    return build_snapshot(shop, snapshot.ranker, snapshot)


def _rebuild_shop(shop: Shop, inputs: ShopInputs, changes: InputChanges, at: float) -> Shop:
    generation, edition = inputs.generation, inputs.edition
    items = _rebuild_items(shop, inputs, changes, at)
    rebuilt = with_items(shop, items, generation=generation, built_at=at, edition=edition)
    if not changes.sections:
        return rebuilt
    storefront = storefront_of(inputs.sections.values())
    try:
        return with_storefront(rebuilt, storefront, generation=generation, built_at=at, edition=edition)
    except InvalidDocument as exc:
        log.error("keeping previous storefront", error=str(exc), field=exc.field)
        return rebuilt


def _rebuild_items(shop: Shop, inputs: ShopInputs, changes: InputChanges, at: float) -> ItemTable:
    changed = inputs.signals.select(changes.signals)
    if changes.items or len(changed) < len(changes.signals):  # a signal was removed
        return build_items(inputs.items.values(), inputs.signals, at)
    return with_signals(shop.items, changed, at)
