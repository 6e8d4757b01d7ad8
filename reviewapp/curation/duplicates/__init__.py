"""Samples that are alike: clusters, how they differ, and the limit from which on they count."""
