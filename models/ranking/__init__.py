"""Rankers: feature matrix in, scores out; their manifests, and the packaged artifact."""
