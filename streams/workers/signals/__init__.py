"""Crowd signals: combined in the workers, aggregated by the items process."""
