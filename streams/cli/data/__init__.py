"""Commands that write: topics, products, storefront, events."""
