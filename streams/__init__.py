"""Wires: everything that waits, retries, connects or reads the time."""
