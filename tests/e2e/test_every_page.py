"""Every page that links lead to: no fault in the browser, nothing blocked by the policy, axe is content."""

from __future__ import annotations

import re
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import Stack, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

# files, not pages
DOWNLOADS = re.compile(r"/(export|download|csv|json|errors\.csv|log)(/|$)|\.(csv|json|jsonl|txt|pdf)$")
PROJECT = "/projects/clinic-notes/"


def shape(path: str) -> str:
    """Two addresses with the same shape are the same page with other data."""
    return re.sub(r"\d+|[0-9a-f]{8}-[0-9a-f-]{27}", "N", path)


def crawl(visitor: Visitor, start: str) -> dict[str, list[str]]:
    """Visits one address of each shape; returns what axe says about each page that it is not content with."""
    width = (visitor.page.viewport_size or {"width": 1440})["width"]
    # tall enough that no bar that sticks to the bottom half covers a control: axe would call that one too small
    visitor.page.set_viewport_size({"width": width, "height": 4000})
    seen: set[str] = {shape(start)}
    todo, unhappy = [start], {}
    while todo:
        path = todo.pop(0)
        visitor.go(path)
        broken = visitor.axe()
        if broken or visitor.faults:
            unhappy[path] = [*broken, *visitor.faults]
            visitor.faults.clear()
        for href in visitor.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
            link = urlparse(href)
            where = shape(link.path)
            if link.path.startswith(PROJECT) and where not in seen and not DOWNLOADS.search(link.path):
                seen.add(where)
                todo.append(link.path + (f"?{link.query}" if link.query else ""))
    assert len(seen) > 8, f"only {seen} were found: the crawl did not work"
    return unhappy


@pytest.mark.parametrize("username", ["lena", "ana", "ravi", "erik", "olga"])
def test_pages_have_no_fault_and_axe_is_content(stack: Stack, visitor: Visitor, username: str) -> None:
    visitor.sign_in(username)

    assert crawl(visitor, PROJECT) == {}


@pytest.mark.parametrize(("width", "scheme"), [(400, "light"), (1440, "dark")])
def test_the_same_in_the_dark_and_on_a_narrow_screen(stack: Stack, browser: Browser, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    visitor = Visitor(page=context.new_page(), url=stack.url)
    visitor.watch()
    visitor.sign_in("lena")

    assert crawl(visitor, PROJECT) == {}
    context.close()


def test_no_page_is_wider_than_a_narrow_screen(stack: Stack, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 900})
    visitor = Visitor(page=context.new_page(), url=stack.url)
    visitor.sign_in("lena")
    too_wide = []
    for path in (
        "",
        "samples/",
        "reviews/",
        "training-sets/",
        "runs/",
        "evaluations/",
        "reports/",
        "feedback/",
        "jobs/",
    ):
        visitor.go(PROJECT + path)
        if visitor.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            too_wide.append(path)
    context.close()

    assert too_wide == []


def test_strangers_see_only_the_sign_in(stack: Stack, visitor: Visitor) -> None:
    visitor.go(PROJECT)

    assert "/accounts/sign-in/" in visitor.page.url
    assert visitor.axe() == []
    assert visitor.faults == []
