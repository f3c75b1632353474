"""Module kinds chosen by what all shoppers do, or by when items came to the shop: trending, popular, new."""

from __future__ import annotations

from models.layout.kinds.kind import ModuleKind, Pool, Words

TRENDING = Pool("trending", mask=lambda batch: batch.proposed_by("trending"))
POPULAR = Pool("popular", mask=lambda batch: batch.proposed_by("popular"))
NEW = Pool("new", mask=lambda batch: batch.proposed_by("new"))

KINDS = (
    ModuleKind(
        name="trending",
        pool=TRENDING,
        words=Words("Most looked at in the last few hours"),
        variety=True,
        spare="by_trend",
    ),
    ModuleKind(
        name="popular",
        pool=POPULAR,
        words=Words("What shoppers looked at most this week"),
        variety=True,
        spare="by_popularity",
    ),
    ModuleKind(
        name="new_arrivals",
        pool=NEW,
        words=Words("The newest in the shop", about="The newest in {it}"),
        variety=True,
        spare="by_newness",
    ),
)
