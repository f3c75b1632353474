"""The HTTP service: events in, layouts out, pushes to open pages."""
