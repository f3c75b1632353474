"""Ranking metrics, baselines, and the comparison of a ranker with them."""
