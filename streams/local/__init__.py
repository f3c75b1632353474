"""Real Kafka and Redis of our own, for a laptop, for tests and for measurements."""
