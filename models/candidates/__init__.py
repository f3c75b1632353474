"""Candidate generation: which items are worth scoring for a visitor on a page."""
