"""How tests and benchmarks start a browser: Debian's or a system's Chromium, without what a page test never needs.

The one without windows comes first: opening and closing windows takes as much of the processor as the pages.
"""

from __future__ import annotations

import os
import shutil

_NAMES = (os.environ.get("CHROMIUM", ""), "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, filter(None, _NAMES)) if path), None)
# No sandbox as root. Debian switches drawing by a graphics card on, which without a card is the processor's work.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-gpu-rasterization", "--disable-software-rasterizer",
    "--disable-extensions", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
