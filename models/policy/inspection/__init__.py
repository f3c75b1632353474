"""Decisions, recorded sessions and visitors made readable for people."""
