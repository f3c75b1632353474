"""The compacted topics of catalogue, signals and storefront, read into a Shop and written."""
