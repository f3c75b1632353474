"""What the demo shop sells: departments, kinds of product, and invented brands."""

from __future__ import annotations

from msgspec import Struct

from streams.demo.colours import BRIGHT, DENIM, EARTH, NEUTRAL, SOFT, TECH

SHOE_SIZES = tuple(str(size) for size in range(36, 47))
CLOTHES_SIZES = ("XS", "S", "M", "L", "XL")
WAISTS = tuple(str(size) for size in range(26, 39, 2))


class ProductKind(Struct, frozen=True, kw_only=True):
    """One category; `share` is its weight in the catalogue, `price` the median in euros at tier 1."""

    category: str
    department: str
    share: float
    price: float
    spread: float
    """Standard deviation of ln(price) within the category."""
    materials: tuple[str, ...]
    nouns: tuple[str, ...]
    colours: tuple[str, ...]
    sizes: tuple[str, ...] = ()


class Brand(Struct, frozen=True):
    """An invented brand; `tier` multiplies the category's median price."""

    name: str
    tier: float
    departments: tuple[str, ...]


BRANDS: tuple[Brand, ...] = (
    Brand("Kestrand", 1.0, ("shoes", "clothing", "outdoor")),
    Brand("Tarnbeck", 1.35, ("shoes", "outdoor", "clothing")),
    Brand("Juno Mill", 0.7, ("shoes", "clothing", "accessories")),
    Brand("Corvane", 1.8, ("shoes", "accessories", "clothing")),
    Brand("Rivenhall", 2.3, ("shoes", "clothing", "accessories")),
    Brand("Pellam", 0.85, ("shoes", "clothing")),
    Brand("Wrenfold", 1.15, ("clothing", "accessories")),
    Brand("Maribel & Finch", 1.5, ("clothing", "home", "accessories")),
    Brand("Bexley Row", 0.75, ("clothing", "home")),
    Brand("Islebrook", 1.25, ("clothing", "shoes")),
    Brand("Aldermoor", 1.0, ("home", "outdoor")),
    Brand("Umberline", 1.7, ("home", "tech")),
    Brand("Yarrowby", 0.65, ("home", "accessories")),
    Brand("Vessingham", 2.4, ("home",)),
    Brand("Oakhollow", 1.1, ("home", "outdoor")),
    Brand("Duskfield", 0.9, ("outdoor", "accessories")),
    Brand("Fennrick", 1.6, ("outdoor", "tech")),
    Brand("Solvane", 1.2, ("tech", "accessories")),
    Brand("Quillon", 0.7, ("tech",)),
    Brand("Zephrine", 1.9, ("tech", "accessories")),
    Brand("Nettlebay", 0.8, ("outdoor", "shoes", "tech")),
)

KINDS: tuple[ProductKind, ...] = (
    ProductKind(
        category="sneakers", department="shoes", share=1.8, price=95, spread=0.3,
        materials=("Canvas", "Suede", "Leather", "Mesh", "Knit"),
        nouns=("Low-Top", "High-Top", "Runner", "Court Sneaker", "Trainer"),
        colours=(*NEUTRAL, *BRIGHT, *SOFT), sizes=SHOE_SIZES,
    ),
    ProductKind(
        category="boots", department="shoes", share=1.1, price=160, spread=0.3,
        materials=("Leather", "Suede", "Waxed", "Nubuck"),
        nouns=("Chelsea Boot", "Lace-Up Boot", "Hiker", "Ankle Boot"),
        colours=(*EARTH, "ink", "charcoal", "forest", "navy"), sizes=SHOE_SIZES,
    ),
    ProductKind(
        category="sandals", department="shoes", share=0.8, price=70, spread=0.3,
        materials=("Cork", "Leather", "Suede"),
        nouns=("Two-Strap Sandal", "Slide", "Footbed Sandal"),
        colours=(*EARTH, *SOFT, "ink", "white"), sizes=SHOE_SIZES,
    ),
    ProductKind(
        category="t-shirts", department="clothing", share=1.4, price=29, spread=0.25,
        materials=("Organic Cotton", "Slub", "Linen", "Heavyweight"),
        nouns=("Tee", "Pocket Tee", "Striped Tee", "Boxy Tee"),
        colours=(*NEUTRAL, *BRIGHT, *SOFT), sizes=CLOTHES_SIZES,
    ),
    ProductKind(
        category="knitwear", department="clothing", share=1.0, price=85, spread=0.3,
        materials=("Merino", "Lambswool", "Cotton", "Alpaca"),
        nouns=("Crewneck", "Rollneck", "Fisherman Jumper", "Sweater"),
        colours=(*NEUTRAL, *EARTH, *SOFT, "forest", "navy", "berry"), sizes=CLOTHES_SIZES,
    ),
    ProductKind(
        category="jackets", department="clothing", share=1.1, price=180, spread=0.35,
        materials=("Waxed", "Down", "Wool", "Ripstop", "Recycled"),
        nouns=("Puffer", "Parka", "Bomber", "Field Jacket", "Shell"),
        colours=(*EARTH, "ink", "charcoal", "forest", "navy", "teal", "coral", "sage"), sizes=CLOTHES_SIZES,
    ),
    ProductKind(
        category="dresses", department="clothing", share=1.1, price=98, spread=0.35,
        materials=("Linen", "Crepe", "Jersey", "Poplin"),
        nouns=("Midi Dress", "Slip Dress", "Wrap Dress", "Day Dress"),
        colours=(*SOFT, *BRIGHT, "ink", "terracotta", "plum", "navy"), sizes=CLOTHES_SIZES,
    ),
    ProductKind(
        category="jeans", department="clothing", share=1.0, price=89, spread=0.25,
        materials=("Selvedge", "Stretch", "Raw", "Washed"),
        nouns=("Straight Jeans", "Wide Jeans", "Tapered Jeans", "Relaxed Jeans"),
        colours=DENIM, sizes=WAISTS,
    ),
    ProductKind(
        category="lamps", department="home", share=1.0, price=110, spread=0.4,
        materials=("Ceramic", "Linen", "Steel", "Glass", "Paper"),
        nouns=("Table Lamp", "Mushroom Lamp", "Desk Lamp", "Bedside Lamp"),
        colours=(*NEUTRAL, *EARTH, "sage", "forest", "blush", "teal"),
    ),
    ProductKind(
        category="chairs", department="home", share=0.9, price=240, spread=0.4,
        materials=("Oak", "Ash", "Bouclé", "Velvet", "Moulded"),
        nouns=("Lounge Chair", "Dining Chair", "Armchair", "Shell Chair"),
        colours=(*EARTH, *SOFT, "ink", "forest", "navy", "teal"),
    ),
    ProductKind(
        category="mugs", department="home", share=0.9, price=18, spread=0.3,
        materials=("Stoneware", "Porcelain", "Speckled", "Enamel"),
        nouns=("Mug", "Espresso Cup", "Camp Mug", "Tall Mug"),
        colours=(*NEUTRAL, *BRIGHT, *SOFT, "terracotta"),
    ),
    ProductKind(
        category="vases", department="home", share=0.8, price=45, spread=0.4,
        materials=("Ceramic", "Blown Glass", "Hand-Thrown", "Fluted"),
        nouns=("Vase", "Bud Vase", "Bottle Vase", "Jug"),
        colours=(*EARTH, *SOFT, "white", "teal", "cobalt", "forest"),
    ),
    ProductKind(
        category="cushions", department="home", share=0.8, price=39, spread=0.3,
        materials=("Linen", "Velvet", "Cotton", "Wool"),
        nouns=("Cushion", "Striped Cushion", "Floor Cushion"),
        colours=(*EARTH, *SOFT, *BRIGHT),
    ),
    ProductKind(
        category="planters", department="home", share=0.7, price=34, spread=0.4,
        materials=("Hand-Thrown", "Glazed", "Concrete", "Fluted"),
        nouns=("Planter", "Plant Pot", "Herb Pot"),
        colours=(*EARTH, *SOFT, "white", "charcoal", "teal", "cobalt"),
    ),
    ProductKind(
        category="tents", department="outdoor", share=0.7, price=290, spread=0.4,
        materials=("Two-Person", "Three-Person", "Family", "Ultralight"),
        nouns=("Dome Tent", "Ridge Tent", "Trail Tent", "Tunnel Tent"),
        colours=("olive", "forest", "mustard", "rust", "sand", "teal", "coral", "sky", "sage"),
    ),
    ProductKind(
        category="backpacks", department="outdoor", share=1.1, price=105, spread=0.35,
        materials=("18 L", "22 L", "28 L", "40 L"),
        nouns=("Daypack", "Roll-Top", "Rucksack", "Trail Pack"),
        colours=(*EARTH, *BRIGHT, "ink", "navy", "charcoal", "sage"),
    ),
    ProductKind(
        category="bottles", department="outdoor", share=0.8, price=28, spread=0.25,
        materials=("Steel", "Insulated", "Glass", "Trail"),
        nouns=("Bottle", "Flask", "Thermos", "Tumbler"),
        colours=(*NEUTRAL, *BRIGHT, *SOFT),
    ),
    ProductKind(
        category="headphones", department="tech", share=1.0, price=180, spread=0.4,
        materials=("Wireless", "Studio", "Noise-Cancelling", "Open-Back"),
        nouns=("Headphones", "Over-Ears", "On-Ears"),
        colours=TECH,
    ),
    ProductKind(
        category="speakers", department="tech", share=0.8, price=160, spread=0.45,
        materials=("Portable", "Bookshelf", "Cordless", "Smart"),
        nouns=("Speaker", "Radio", "Monitor"),
        colours=(*TECH, "walnut", "oak", "forest"),
    ),
    ProductKind(
        category="cameras", department="tech", share=0.6, price=520, spread=0.4,
        materials=("Compact", "Mirrorless", "Instant", "Rangefinder"),
        nouns=("Camera", "Camera Kit"),
        colours=TECH,
    ),
    ProductKind(
        category="watches", department="accessories", share=1.0, price=170, spread=0.5,
        materials=("Automatic", "Field", "Solar", "Dress"),
        nouns=("Watch", "Chronograph", "Square Watch"),
        colours=(*EARTH, "ink", "charcoal", "steel", "navy", "forest", "blush", "cream"),
    ),
    ProductKind(
        category="sunglasses", department="accessories", share=0.9, price=95, spread=0.4,
        materials=("Round", "Acetate", "Wire", "Polarised"),
        nouns=("Sunglasses", "Shades", "Aviators"),
        colours=("ink", "walnut", "oak", "olive", "berry", "forest", "navy", "cream", "blush", "mustard"),
    ),
    ProductKind(
        category="hats", department="accessories", share=0.8, price=34, spread=0.25,
        materials=("Wool", "Cotton", "Corduroy", "Ribbed"),
        nouns=("Beanie", "Cap", "Five-Panel Cap", "Bobble Hat"),
        colours=(*NEUTRAL, *EARTH, *BRIGHT),
    ),
    ProductKind(
        category="bags", department="accessories", share=1.0, price=130, spread=0.5,
        materials=("Leather", "Canvas", "Waxed", "Suede"),
        nouns=("Tote", "Shoulder Bag", "Handbag", "Market Bag"),
        colours=(*EARTH, *SOFT, "ink", "forest", "navy", "berry"),
    ),
)  # fmt: skip

DEPARTMENTS: tuple[str, ...] = tuple(dict.fromkeys(kind.department for kind in KINDS))
CATEGORIES: dict[str, str] = {kind.category: kind.department for kind in KINDS}
"""Department by category."""

LINES: tuple[str, ...] = (
    "Aster", "Briar", "Calder", "Dune", "Ember", "Fable", "Grove", "Harbour", "Iris", "Juniper", "Kite",
    "Lark", "Marlow", "Nova", "Orchard", "Pace", "Quarry", "Ridge", "Sorrel", "Tide", "Umbra", "Vale",
    "Willow", "Yard", "Zenith", "Atlas", "Birch", "Clover", "Delta", "Echo", "Fern", "Glen", "Hazel", "Inlet",
    "Jetty", "Knoll", "Linden", "Moss", "North", "Oslo", "Poppy", "Rowan", "Sable", "Thistle", "Union",
)  # fmt: skip
"""Model names; a line and a noun make a title."""
