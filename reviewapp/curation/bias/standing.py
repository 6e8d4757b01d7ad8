"""How an association stands, in the words that reports keep: pages read these without loading what finds them."""

from __future__ import annotations

REST = "rest"  # in place of a second group: everybody else
OPEN, EXPECTED, NONE = "open", "expected", "none"
