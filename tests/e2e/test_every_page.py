"""Every page that links lead to: no fault in the browser, nothing blocked by the policy, axe is content."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.e2e.conftest import Stack, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.stack, pytest.mark.timeout(900)]

# files, not pages
DOWNLOADS = re.compile(r"/(export|download|csv|json|errors\.csv|log)(/|$)|\.(csv|json|jsonl|txt|pdf)$")
PROJECT = "/projects/clinic-notes/"
# tall enough that no bar that sticks to the bottom half covers a control: axe would call that one too small
WIDE, NARROW = ViewportSize(width=1440, height=4000), ViewportSize(width=400, height=4000)


# Which elements stand in which, by name, classes and roles: what axe judges on a page, apart from its words.
PARTS = """() => {
  const sign = (one) => [one.localName, one.getAttribute("role"), one.getAttribute("type"), ...one.classList].join(".");
  return [...document.body.querySelectorAll("*")].map((one) => `${sign(one.parentElement)} > ${sign(one)}`);
}"""
judged: set[str] = set()  # parts of pages that axe has seen


def has_new_parts(visitor: Visitor) -> bool:
    """Whether a page holds anything which axe has not seen on another, with whoever looked at that."""
    parts = set(visitor.page.evaluate(PARTS))
    is_new = not parts <= judged
    judged.update(parts)
    return is_new


def axe_where_new(visitor: Visitor) -> list[str]:
    return visitor.axe() if has_new_parts(visitor) else []


def shape(path: str) -> str:
    """Two addresses with the same shape are the same page with other data."""
    return re.sub(r"\d+|[0-9a-f]{8}-[0-9a-f-]{27}", "N", path)


def crawl(
    visitor: Visitor, look: Callable[[Visitor], list[str]], known: frozenset[str] = frozenset()
) -> tuple[dict[str, list[str]], set[str]]:
    """Looks at one address of each shape that is not known; returns what is wrong, by page, and the shapes seen."""
    seen: set[str] = {PROJECT, *known}
    todo, unhappy = [PROJECT], {}
    while todo:
        path = todo.pop(0)
        visitor.go(path)
        links = visitor.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        wrong = look(visitor) + visitor.faults
        if wrong:
            unhappy[path] = wrong
            visitor.faults.clear()
        for link in map(urlparse, links):
            where = shape(link.path)
            if link.path.startswith(PROJECT) and where not in seen and not DOWNLOADS.search(link.path):
                seen.add(where)
                todo.append(link.path + (f"?{link.query}" if link.query else ""))
    assert len(seen) > 8, f"only {seen} were found: the crawl did not work"
    return unhappy, seen


def too_wide(visitor: Visitor) -> list[str]:
    is_wide = visitor.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return ["wider than the screen"] if is_wide else []


def every_look(visitor: Visitor) -> list[str]:
    """Wide and light; a page with new parts also dark, which changes nothing but colours, and narrow."""
    wide, is_new = visitor.axe(), has_new_parts(visitor)
    dark: list[str] = []
    if is_new:
        visitor.page.emulate_media(color_scheme="dark")
        dark = visitor.axe(colours=True)
        visitor.page.emulate_media(color_scheme="light")
    visitor.page.set_viewport_size(NARROW)
    narrow = too_wide(visitor) + (visitor.axe(colours=False) if is_new else [])
    visitor.page.set_viewport_size(WIDE)
    return wide + [f"dark: {each}" for each in dark] + [f"narrow: {each}" for each in narrow]


def visit(
    stack: Stack, browser: Browser, username: str, *, locale: str = "en-GB", size: ViewportSize = WIDE
) -> Visitor:
    context = browser.new_context(viewport=size, color_scheme="light", reduced_motion="reduce", locale=locale)
    visitor = Visitor(page=context.new_page(), url=stack.url)
    visitor.watch()
    visitor.sign_in(username)
    return visitor


def test_in_every_look_pages_have_no_fault_and_axe_is_content(stack: Stack, browser: Browser) -> None:
    lena = visit(stack, browser, "lena")

    assert crawl(lena, every_look)[0] == {}
    lena.page.context.close()


def test_whoever_looks_pages_have_no_fault_and_axe_is_content(stack: Stack, browser: Browser) -> None:
    """What somebody who leads nothing has looked at is left out for the next of them."""
    unhappy, known = {}, set[str]()
    for username in ("ana", "ravi", "erik", "olga"):
        visitor = visit(stack, browser, username)
        wrong, known = crawl(visitor, axe_where_new, frozenset(known))
        unhappy |= {f"{username}: {page}": faults for page, faults in wrong.items()}
        visitor.page.context.close()
    assert unhappy == {}


def test_no_german_page_is_wider_than_a_narrow_screen(stack: Stack, browser: Browser) -> None:
    lena = visit(stack, browser, "lena", locale="de-DE", size=NARROW)

    assert crawl(lena, too_wide)[0] == {}
    assert lena.page.locator("html").get_attribute("lang") == "de"
    lena.page.context.close()


def test_strangers_see_only_the_sign_in(stack: Stack, visitor: Visitor) -> None:
    visitor.go(PROJECT)

    assert "/accounts/sign-in/" in visitor.page.url
    assert visitor.axe() == []
    assert visitor.faults == []
