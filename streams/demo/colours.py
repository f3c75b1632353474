"""The named colours of the demo shop; drawings look their paint up here."""

from __future__ import annotations

COLOURS: dict[str, str] = {
    "ink": "#262a35",
    "charcoal": "#50545e",
    "steel": "#8a94a1",
    "stone": "#b5aca0",
    "sand": "#d8c3a0",
    "cream": "#eee2cb",
    "white": "#f3f0ea",
    "walnut": "#7b5338",
    "oak": "#b98a5c",
    "rust": "#a64b2f",
    "terracotta": "#c8694a",
    "coral": "#e57f68",
    "blush": "#e3b3a8",
    "berry": "#ab3d5a",
    "plum": "#6b3f62",
    "lilac": "#b1a2d0",
    "mustard": "#d8a23a",
    "olive": "#7c7d4b",
    "sage": "#9cb092",
    "forest": "#30604c",
    "teal": "#2f7f86",
    "sky": "#8fb9d6",
    "cobalt": "#3563bf",
    "navy": "#2c4064",
}

NEUTRAL = ("ink", "charcoal", "stone", "sand", "cream", "white")
EARTH = ("walnut", "oak", "rust", "terracotta", "olive", "mustard", "sand")
BRIGHT = ("coral", "mustard", "teal", "cobalt", "berry", "sky", "lilac", "forest")
SOFT = ("blush", "sage", "sky", "lilac", "cream", "sand")
DENIM = ("ink", "navy", "cobalt", "sky", "charcoal", "white", "steel")
TECH = ("ink", "charcoal", "steel", "white", "sand", "sage", "navy", "coral", "blush")
