"""What every route needs of HTTP: parameters, problems, CORS, callers, limits."""
