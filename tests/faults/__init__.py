"""Faults: kill what runs, then hold every state against an oracle."""
