"""Every text of a template goes through the catalogue: none is written where only an English reader understands it."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
HIDDEN = re.compile(
    r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}"
    r"|\{%\s*blocktranslate\b.*?\{%\s*endblocktranslate\s*%\}"
    r"|<(script|code|kbd|pre|style)\b.*?</\1>",
    re.S,
)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)
READ_OUT = re.compile(r'\b(?:aria-label|title|placeholder|alt|data-label|data-confirm)="([^"]*)"')
WORD = re.compile(r"[A-Za-z]{2,}")
# The product's name, and names of keys that no element marks as such.
SAME_EVERYWHERE = {"Countersign", "Alt", "Ctrl", "Esc", "Enter"}


def literal_texts(source: str) -> list[str]:
    """Texts that a reader would meet as they stand here."""
    shown = html.unescape(HIDDEN.sub("", source))
    for _ in range(3):  # a tag may hold another one in its quotes
        shown = TAG.sub("", shown)
    read_out = READ_OUT.findall(shown)
    between = re.findall(r">([^<>]+)(?=<|$)", re.sub(r"<!doctype[^>]*>", "", shown, flags=re.I))
    return [text.strip() for text in [*between, *read_out] if set(WORD.findall(text)) - SAME_EVERYWHERE]


@pytest.mark.parametrize("path", TEMPLATES, ids=[str(path.relative_to(ROOT)) for path in TEMPLATES])
def test_no_text_stands_outside_the_catalogue(path: Path) -> None:
    assert literal_texts(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Save</p>", ["Save"]),
        ('<p>{% translate "Save" %}: {{ name }}</p>', []),
        ('<p aria-label="Close it">x</p>', ["Close it"]),
        ('<a href="/x" title="{% translate "Open" %}">{% icon "x" %}</a>', []),
        ("{% blocktranslate %}Kept by {{ who }}{% endblocktranslate %}<b>by</b>", ["by"]),
        ("<h1>Countersign</h1><kbd>Ctrl</kbd><code>make up</code>{# a note #}", []),
    ],
)
def test_the_rule_finds_what_it_should(source: str, found: list[str]) -> None:
    assert literal_texts(source) == found
