"""What is remembered of visitors: protocols, an in-memory twin, Redis."""
