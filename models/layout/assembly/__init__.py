"""Assembly of a page: slots, the items of each module, and how stable both stay."""
