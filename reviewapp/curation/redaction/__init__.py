"""Identifiers of people: found by patterns, cues and a small tagger; masked, replaced or shifted. No Django."""
