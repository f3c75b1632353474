"""What one decision is made from: a Shop, the feature index of its items, and the rankers by role.

A process holds one reference to the newest Snapshot and swaps it between decisions, so none mixes two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from models.features.index import FeatureIndex, index_features
from models.ranking.ranker import Ranker
from models.storefront.shop import Shop, empty_shop

CHAMPION = "champion"
"""The role of the ranker that serves; today the only one. A canary or a shadow would be further roles."""


class Snapshot(Struct, frozen=True, eq=False, kw_only=True):
    """All that a decision reads besides the request. Immutable; shares unchanged parts with the one before.

    Attributes:
        shop: Items, storefront and rules.
        features: The feature index of `shop.items`.
        rankers: Role -> ranker; without a champion the understudy ranks.
        free_runs: PageRuns that nobody uses now. They refer to these items, so they go with the snapshot.
    """

    shop: Shop
    features: FeatureIndex
    rankers: Mapping[str, Ranker]
    free_runs: list[Any] = field(default_factory=list)

    @property
    def ranker(self) -> Ranker | None:
        """The champion; None when there is none."""
        return self.rankers.get(CHAMPION)


def build_snapshot(shop: Shop, ranker: Ranker | None = None, earlier: Snapshot | None = None) -> Snapshot:
    """The snapshot of a Shop.

    Args:
        shop: Items with their signals, and the storefront.
        ranker: The champion; None when there is none.
        earlier: The snapshot before it; its feature index is shared as far as its items are the same.

    Complexity: That of `index_features` when the items or their signals changed, else O(1).
    """
    features = earlier.features if earlier is not None else None
    if features is None or features.table is not shop.items:
        features = index_features(shop.items, features)
    return Snapshot(shop=shop, features=features, rankers={CHAMPION: ranker} if ranker is not None else {})


def empty_snapshot(ranker: Ranker | None = None) -> Snapshot:
    """A snapshot without items: every page decided from it is the packaged one."""
    return build_snapshot(empty_shop(), ranker)
