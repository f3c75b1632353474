"""The catalogue as an immutable item table, and the crowd signals on it."""
