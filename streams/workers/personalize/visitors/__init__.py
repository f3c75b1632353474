"""The visitors of a round before it: from memory, else from the store."""
