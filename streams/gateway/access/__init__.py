"""Who may do what: API keys, visitor tokens, and the door before all routes."""
