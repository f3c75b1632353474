"""Training: the one room of models that reads and writes files; nothing that serves imports it."""
