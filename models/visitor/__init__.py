"""One visitor's state, and the fold that changes it."""
