"""Faust agents: thin loops that hand what they read to an engine."""
