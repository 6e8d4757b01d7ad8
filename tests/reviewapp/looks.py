"""A page as different people see it: light, dark, forced high contrast, at 200% zoom, on a phone; and what axe says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import axe_playwright_python

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# 200% zoom of a 1440 px window is a window of 720 px with two device pixels each
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "zoom": {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2},
    "narrow": {"viewport": {"width": 400, "height": 900}},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "contrast": {"viewport": {"width": 1440, "height": 900}, "forced_colors": "active", "contrast": "more"},
}
# Looks in which nothing but colours differs from the first. The others have its colours, which take axe two thirds of
# its time.
COLOURS = ("dark", "contrast")


def violations(page: Any, *, colours: bool | None = None) -> list[str]:
    """Rules that the page breaks (WCAG 2.2 AA), each with the first place; only that of colours, or all but that."""
    size = page.viewport_size
    # tall enough that no bar that sticks to the bottom half covers a control: axe would call that one too small
    page.set_viewport_size({"width": size["width"], "height": 4000})
    found = violations_in_view(page, colours=colours)
    page.set_viewport_size(size)
    return found


def violations_in_view(page: Any, *, colours: bool | None = None) -> list[str]:
    """The same in the window as it is."""
    page.wait_for_load_state()
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    only = {"type": "rule", "values": ["color-contrast"]} if colours else {"type": "tag", "values": TAGS}
    rules = {"color-contrast": {"enabled": colours is not False}}
    # what is right is not described: only the first place of what is wrong is read
    options = {"runOnly": only, "rules": rules, "resultTypes": ["violations"]}
    found = page.evaluate("async (options) => (await axe.run(document, options)).violations", options)
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]} {_why(one)}" for one in found]


def _why(violation: dict[str, Any]) -> str:
    """What axe measured, such as the two colours."""
    checks = violation["nodes"][0]["any"]
    return str(checks[0]["data"] or "") if checks else ""


def is_too_wide(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def look_at(page: Any, look: str) -> None:
    """Turns an open page to another look. Its pixels stay as they were: only the layout of a zoom is seen."""
    options = LOOKS[look]
    page.emulate_media(
        color_scheme=options.get("color_scheme", "light"),
        forced_colors=options.get("forced_colors", "none"),
        contrast=options.get("contrast", "no-preference"),
        reduced_motion="reduce",
    )
    page.set_viewport_size(options["viewport"])
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    if look in COLOURS:
        page.wait_for_timeout(150)  # a change of the whole palette reaches the page in several frames


def faults_in_every_look(page: Any, name: str) -> dict[str, list[str]]:
    """What is wrong with the open page, by look; pictures of the looks go where SCREENSHOTS names a folder."""
    faults = {}
    for look in LOOKS:
        look_at(page, look)
        found = violations(page, colours=None if look == "light" else look in COLOURS)
        if is_too_wide(page):
            found.append("wider than its window")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{look}.png", full_page=look in ("narrow", "zoom"))
        if found:
            faults[look] = found
    look_at(page, "light")
    return faults
