"""The whole decision, from a visitor state to a layout, and its explanation."""
