"""Pages, slots, modules and merchandisers' rules, checked and indexed; together with the items, the Shop."""
