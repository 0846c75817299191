"""Doors under /v1 that ask models, and tell which ones there are."""
