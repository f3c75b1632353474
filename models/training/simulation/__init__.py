"""Simulated catalogues and shoppers, for training data and tests."""
