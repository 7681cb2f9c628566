"""Interactions: what the mart says that users did, as a sparse matrix."""
