"""Other formats of events, each a table of what becomes what: see `mapping`, and `all_adapters`."""
