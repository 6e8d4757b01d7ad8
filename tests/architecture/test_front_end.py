"""Pages stay inside the strict content policy, and what is vendored is what it says it is."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT, shown, templates

VENDOR = ROOT / "static" / "vendor"

# Attribute values may hold template tags with ">" in them, so whole tags are not matched, only what must not occur.
FORBIDDEN = {
    "a script with a body": re.compile(
        r"<script\b(?![^>]*\bsrc=)(?![^>]*type=\"(?:application/json|importmap)\")", re.I
    ),
    "a style element": re.compile(r"<style\b", re.I),
    "a style attribute": re.compile(r"\sstyle\s*=", re.I),
    "an inline handler": re.compile(r"\son[a-z]+\s*=\s*[\"'{]", re.I),
    "hx-on": re.compile(r"\bhx-on\b", re.I),
    "evaluated hx-vals": re.compile(r"hx-vals\s*=\s*[\"']\s*js(?:avascript)?:", re.I),
    "a javascript: link": re.compile(r"javascript:", re.I),
    "unescaped text": re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off"),
    "another server": re.compile(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//", re.I),
}
# An outward link is for a person to follow; nothing is loaded from it.
OUTWARD_LINK = re.compile(r"<a\b[^>]*\bhref=\"https://[^\"]*\"[^>]*\brel=\"[^\"]*noreferrer", re.I)


def violations(text: str) -> list[str]:
    without_comments = re.sub(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}|<!--.*?-->", "", text, flags=re.S)
    without_links = OUTWARD_LINK.sub("", without_comments)
    return [what for what, pattern in FORBIDDEN.items() if pattern.search(without_links)]


def test_templates_hold_nothing_inline() -> None:
    found = {shown(path): bad for path in templates() if (bad := violations(path.read_text(encoding="utf-8")))}
    assert templates()
    assert not found


@pytest.mark.parametrize(
    ("snippet", "what"),
    [
        ("<script>alert(1)</script>", "a script with a body"),
        ('<script type="module">x</script>', "a script with a body"),
        ('<p style="color: red">', "a style attribute"),
        ("<style>p {}</style>", "a style element"),
        ('<button onclick="go()">', "an inline handler"),
        ("<b ONLOAD='go()'>", "an inline handler"),
        ('<p hx-on:click="go()">', "hx-on"),
        ("<p hx-vals='js:{a: 1}'>", "evaluated hx-vals"),
        ('<a href="javascript:void(0)">', "a javascript: link"),
        ("{{ text|safe }}", "unescaped text"),
        ('<link href="https://cdn.example/x.css">', "another server"),
    ],
)
def test_the_rules_notice(snippet: str, what: str) -> None:
    assert what in violations(snippet)


@pytest.mark.parametrize(
    "snippet",
    [
        '<script type="module" src="{% static "reviews/review_edit.js" %}"></script>',
        '<script id="data" type="application/json">{}</script>',
        "<p>once upon a time</p>",
        '<a href="https://example.org/" rel="noreferrer">',
        '<input data-once="yes">',
    ],
)
def test_the_rules_let_pass(snippet: str) -> None:
    assert not violations(snippet)


def own_scripts() -> list[Path]:
    return [path for path in (ROOT / "static").rglob("*.js") if "vendor" not in path.parts]


def test_scripts_never_write_markup_from_text() -> None:
    """Samples and outputs are hostile text; scripts use textContent and templates."""
    bad = re.compile(r"\.innerHTML\s*[+]?=|\.outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function\(")
    assert not [shown(path) for path in own_scripts() if bad.search(path.read_text(encoding="utf-8"))]


def test_styles_load_nothing_from_elsewhere() -> None:
    sheets = [path for path in (ROOT / "static").rglob("*.css") if "vendor" not in path.parts]
    bad = re.compile(r"url\(\s*[\"']?(?:https?:)?//|@import\s+[\"'](?:https?:)?//")
    assert not [shown(path) for path in sheets if bad.search(path.read_text(encoding="utf-8"))]


def vendored() -> dict[str, str]:
    """File -> sha256 as static/vendor/README.md has them: any table row with a path and 64 hex digits."""
    rows = re.findall(r"^\|(.+)\|\s*$", (VENDOR / "README.md").read_text(encoding="utf-8"), flags=re.M)
    found = {}
    for row in rows:
        digest = re.search(r"\b[0-9a-f]{64}\b", row)
        name = re.search(r"`?([\w./@-]+\.(?:js|css|json|woff2?|svg|txt|map))`?", row)
        if digest and name:
            found[name.group(1)] = digest.group(0)
    return found


def test_vendored_files_are_what_the_readme_says() -> None:
    files = {str(p.relative_to(VENDOR)): p for p in VENDOR.rglob("*") if p.is_file() and p.name != "README.md"}
    listed = vendored()
    assert files.keys() == listed.keys()
    changed = [name for name, path in files.items() if hashlib.sha256(path.read_bytes()).hexdigest() != listed[name]]
    assert not changed
