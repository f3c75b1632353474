"""Pages, slots, modules and rules, checked and indexed; together with the catalogue, the Shop."""
