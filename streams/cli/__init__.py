"""The `etalage` command."""
