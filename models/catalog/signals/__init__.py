"""Crowd signals: how they are counted from events, and as columns of the item table."""
