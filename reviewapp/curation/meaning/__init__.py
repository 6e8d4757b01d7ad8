"""Nearness of texts: vectors, the index on disk, search."""
