"""The whole decision, from a visitor state to a layout, and what is said about it."""
