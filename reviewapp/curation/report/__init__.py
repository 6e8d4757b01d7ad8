"""The curation report: what was done to a corpus, as a file that an auditor can keep."""
