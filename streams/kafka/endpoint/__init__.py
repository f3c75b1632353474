"""Where Kafka is by the settings, how clients connect to it, and which errors mean that it is away."""
