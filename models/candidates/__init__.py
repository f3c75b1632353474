"""Candidate generation: which items are scored for a visitor on a page."""
