"""The fills of a page: typed while it is decided, packed while it is kept."""
