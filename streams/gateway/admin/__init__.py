"""Routes for operators and back offices: health, catalogue, storefront, visitors, OpenAPI."""
