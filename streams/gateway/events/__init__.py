"""POST /v1/events: validation, producing to Kafka, exposures."""
