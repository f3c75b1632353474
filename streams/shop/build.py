"""From what was read to the Shop that is used: pure work, done in a thread by the follower."""

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
from streams.shop.inputs import Changes, ShopInputs

log = logger("shop")

UNDERSTUDY_ONLY = "none"


def load_ranker_of(setting: str | None) -> tuple[Ranker | None, str]:
    """The ranker that the setting names (None: the packaged one), or why there is none."""
    if setting == UNDERSTUDY_ONLY:
        return None, "ETALAGE_RANKER is none"
    try:
        return (load_ranker(setting) if setting else load_ranker()), ""
    except EtalageError as exc:
        return None, str(exc)
    except Exception as exc:
        # Whatever a broken file makes the runtime do: serving goes on with the understudy and says so.
        return None, f"{type(exc).__name__}: {exc}"


def describe_ranker(setting: str | None) -> str:
    """Which ranker a process with this setting uses, in one line; RankerFailed says why it has none."""
    ranker, why = load_ranker_of(setting)
    if ranker is not None:
        return f"{ranker.name} {ranker.version}, {setting or 'the packaged one'}"
    if setting == UNDERSTUDY_ONLY:
        return f"popularity only: {why}"
    raise RankerFailed(why)


def all_changed() -> Changes:
    """What moved when there was nothing before."""
    return Changes(items=True, sections=True)


def renew(snapshot: Snapshot, inputs: ShopInputs, changes: Changes, at: float) -> Snapshot:
    """A newer snapshot at `at` (epoch seconds) that shares with `snapshot` whatever `changes` does not name.

    Sections that do not fit together leave the storefront as it was: those who write them one by one may
    mend it with the next.
    """
    shop = _renew_shop(snapshot.shop, inputs, changes, at)
    return build_snapshot(shop, snapshot.ranker, snapshot)


def _renew_shop(shop: Shop, inputs: ShopInputs, changes: Changes, at: float) -> Shop:
    generation, edition = inputs.generation, inputs.edition
    table = _table(shop, inputs, changes, at)
    made = with_items(shop, table, generation=generation, built_at=at, edition=edition)
    if not changes.sections:
        return made
    wanted = storefront_of(inputs.sections.values())
    try:
        return with_storefront(made, wanted, generation=generation, built_at=at, edition=edition)
    except InvalidDocument as exc:
        log.error("storefront not used, the one before stays", why=str(exc), field=exc.field)
        return made


def _table(shop: Shop, inputs: ShopInputs, changes: Changes, at: float) -> ItemTable:
    changed = {item: inputs.signals[item] for item in changes.signals if item in inputs.signals}
    if changes.items or len(changed) < len(changes.signals):  # a signal was taken away
        return build_items(inputs.items.values(), inputs.signals, at)
    return with_signals(shop.items, changed, at)
