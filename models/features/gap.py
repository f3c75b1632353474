"""Gap features: price and anchor of the visit against those of the item. Prices are ln(1 + price)."""

import cython

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import Visit
    from models.catalog.columns import Columns, single
    from models.features.feature_rows import FeatureGroup, FeatureRows
    from models.visitor.typed_state import TypedState

GAP_FEATURES = FeatureGroup("gap")
PRICE_GAP = cython.declare(cython.int, GAP_FEATURES.add("price_gap", 1))
"""Price minus the mean of what the visitor viewed, times the trust in that mean."""
PRICE_DISTANCE = cython.declare(cython.int, GAP_FEATURES.add("price_distance", 1))
"""Its absolute value."""
BOUGHT_PRICE_GAP = cython.declare(cython.int, GAP_FEATURES.add("bought_price_gap", 1))
"""Price minus the mean of what the visitor bought; 0 without purchases."""
ANCHOR_PRICE_GAP = cython.declare(cython.int, GAP_FEATURES.add("anchor_price_gap", 1))
"""Price minus that of the anchor; this and the next two are 0 without an anchor."""
ANCHOR_SAME_CATEGORY = cython.declare(cython.int, GAP_FEATURES.add("anchor_same_category", 1))
ANCHOR_SAME_BRAND = cython.declare(cython.int, GAP_FEATURES.add("anchor_same_brand", 1))


@cython.cfunc
def write_gaps(rows: FeatureRows) -> cython.void:
    """Writes the gap features.

    Trust is weight / (weight + 1) of the evidence: 0 without any, towards 1 with much.
    """
    visit: Visit = rows.visit
    state: TypedState = visit.state
    columns: Columns = visit.columns
    out: cython.float[:, ::1] = rows.out
    weight: cython.double = state.price_weight()
    trust: cython.double = single(weight / (weight + 1.0))
    usual: cython.double = single(state.price)
    bought: cython.double = single(state.bought_price)
    anchor: cython.int = visit.anchor_row
    start: cython.int = rows.start
    i: cython.int
    for i in range(rows.first, rows.first + visit.count):
        row: cython.int = visit.rows[i - rows.first]
        brand: cython.int = columns.brand[row]
        category: cython.int = columns.category[row]
        price: cython.double = columns.log_price[row]
        gap: cython.double = single(price - usual)
        out[i, start + PRICE_GAP] = gap * trust
        out[i, start + PRICE_DISTANCE] = abs(gap) * trust
        out[i, start + BOUGHT_PRICE_GAP] = price - bought if bought > 0 else 0.0
        out[i, start + ANCHOR_PRICE_GAP] = price - columns.log_price[anchor] if anchor >= 0 else 0.0
        out[i, start + ANCHOR_SAME_CATEGORY] = anchor >= 0 and category == columns.category[anchor]
        out[i, start + ANCHOR_SAME_BRAND] = anchor >= 0 and brand > 0 and brand == columns.brand[anchor]


if not cython.compiled:
    use_compiled(globals())
