"""Types of everything that crosses a wire or a disk, and the contract of each Kafka topic."""
