"""Rankers, their manifests, and the packaged artifact."""
