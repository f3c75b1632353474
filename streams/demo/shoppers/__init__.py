"""Simulated shoppers that browse a shop through its public HTTP API."""
