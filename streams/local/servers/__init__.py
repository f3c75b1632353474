"""Kafka and Redis servers of our own, started from installed packages."""
