"""Module kinds chosen by what all shoppers do, or by when items came to the shop: trending, popular, new."""

import cython

from models import use_compiled
from models.layout.kind_traits import Traits, Words

if not cython.compiled:
    from models.candidates.sources import source_bit
    from models.layout.kinds.kind import ModuleKind, ProposedPool

CROWD_KINDS = (
    ModuleKind(
        "trending",
        ProposedPool("trending", source_bit("trending")),
        Words("Most looked at in the last few hours"),
        Traits(variety=True, spare="by_trend"),
    ),
    ModuleKind(
        "popular",
        ProposedPool("popular", source_bit("popular")),
        Words("What shoppers looked at most this week"),
        Traits(variety=True, spare="by_popularity"),
    ),
    ModuleKind(
        "new_arrivals",
        ProposedPool("new", source_bit("new")),
        Words("The newest in the shop", about="The newest in {it}"),
        Traits(variety=True, spare="by_newness"),
    ),
)

if not cython.compiled:
    use_compiled(globals())
