"""The Redis stores: connections, scripts, visitors, layouts."""
