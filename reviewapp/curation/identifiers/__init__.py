"""Identifiers of people on the screen: found, replaced, and the tagger that finds names."""
