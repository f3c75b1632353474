"""Metrics, logs, probes and the status file."""
