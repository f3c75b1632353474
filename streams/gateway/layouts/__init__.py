"""GET /v1/layouts, its event stream, and /v1/rank."""
