"""What takes long or needs Debian's servers: `make verify`, not part of `make test`."""
