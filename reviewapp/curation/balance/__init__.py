"""The balance of a corpus: read, reported, mitigated."""
