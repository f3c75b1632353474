"""Everything that speaks to Kafka, apart from Faust itself."""
