"""The architecture tests read all sources; what they read is forgotten after the last of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.architecture.rules import tree_of


@pytest.fixture(scope="package", autouse=True)
def _forget_sources() -> Iterator[None]:
    """Millions of small objects would be looked through for garbage until the end of the process."""
    yield
    tree_of.cache_clear()
