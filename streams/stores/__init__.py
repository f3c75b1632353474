"""What is remembered of visitors: protocols, an in-memory store, Redis; and how a namespace is set up."""
