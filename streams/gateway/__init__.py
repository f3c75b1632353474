"""The HTTP door: events in, layouts out, pushes to open pages."""
