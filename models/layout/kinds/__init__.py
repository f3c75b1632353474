"""Module kinds: one value in a family's file is all that a type of module is."""
