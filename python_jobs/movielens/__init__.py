"""GroupLens' MovieLens releases, from the download into the raw tables."""
