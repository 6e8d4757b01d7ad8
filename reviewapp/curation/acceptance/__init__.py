"""Acceptance samples: drawn, looked through, stated."""
