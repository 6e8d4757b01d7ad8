"""Samples that were taken out: found by their reason, and put back."""
