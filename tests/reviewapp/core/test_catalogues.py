"""Catalogues: what is gathered, the round trips of .po and .mo files, and that every language is whole."""

from __future__ import annotations

import gettext
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.core import catalogues
from reviewapp.core.catalogues import Entry, Message
from reviewapp.core.kept import KEPT, kept_said
from reviewapp.words import figure_said, grouped, say

HEADER = "Language: de\nContent-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from('\n\t"\\'), min_size=1)
MESSAGES = st.builds(
    Message,
    TEXT.filter(lambda text: "\x04" not in text),
    st.just("") | TEXT,
    st.lists(st.sampled_from(["templates/a.html", "reviewapp/b.py:1"]), max_size=2, unique=True).map(tuple),
    st.booleans(),
)


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    messages = draw(st.lists(MESSAGES, max_size=6, unique_by=lambda one: one.text))
    return [
        Entry(one, tuple(draw(st.lists(TEXT | st.just(""), min_size=2, max_size=2) if one.plural else st.tuples(TEXT))))
        for one in messages
    ]


@given(entries())
def test_a_po_file_is_read_as_it_was_written(made: list[Entry]) -> None:
    header, found = catalogues.po_read(catalogues.po_write(HEADER, made))

    assert header == HEADER
    assert found == made


@given(entries())
def test_a_mo_file_says_what_the_catalogue_says(made: list[Entry]) -> None:
    told = gettext.GNUTranslations(io.BytesIO(catalogues.mo_write(HEADER, made)))  # type: ignore[arg-type]

    for entry in made:
        if entry.is_translated and entry.message.plural:
            assert told.ngettext(entry.message.text, entry.message.plural, 1) == entry.forms[0]
            assert told.ngettext(entry.message.text, entry.message.plural, 2) == entry.forms[1]
        elif entry.is_translated:
            assert told.gettext(entry.message.text) == entry.forms[0]
        elif not entry.message.plural:
            assert told.gettext(entry.message.text) == entry.message.text


def test_texts_are_gathered_from_templates_python_and_scripts(tmp_path: Path) -> None:
    for folder in ("templates", "reviewapp/samples", "static"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "templates/page.html").write_text(
        '{% translate "Save" %} {{ day|date:"j M Y" }} {% include "x.html" with a=_("All of it") %}'
        "{% blocktranslate count n=rows|length with who=user %}{{ n }} row of {{ who }}{% plural %}"
        "{{ n }} rows of {{ who }}{% endblocktranslate %}"
    )
    (tmp_path / "reviewapp/samples/forms.py").write_text(
        'class F:\n    name = field(label="Name")\n    labels = {"slug": "Address"}\n'
        'say("%(n)s left", n=1)\n_("Gone")\nngettext("%(n)s file", "%(n)s files", 2)\nlog("not shown")\n'
        'class State(TextChoices):\n    OPEN = "open", "Open"\n'
    )
    (tmp_path / "static/a.js").write_text('say(t("Saved")); tn("{n} item", "{n} items", n); start("no text");')

    pages = {one.text: one for one in catalogues.domain_messages(tmp_path, "django")}
    scripts = {one.text: one.plural for one in catalogues.domain_messages(tmp_path, "djangojs")}

    assert set(pages) == {
        "Save", "j M Y", "All of it", "%(n)s row of %(who)s", "Name", "Address", "%(n)s left", "Gone",
        "%(n)s file", "Open",
    }  # fmt: skip
    assert pages["%(n)s row of %(who)s"].plural == "%(n)s rows of %(who)s"
    assert pages["%(n)s file"].is_format and not pages["Gone"].is_format
    assert scripts == {"Saved": "", "{n} item": "{n} items"}


def test_a_translation_stays_when_the_texts_are_gathered_anew() -> None:
    known = [Entry(Message("Save"), ("Speichern",)), Entry(Message("Old"), ("Alt",))]
    made = catalogues.entries_update([Message("Save", places=("a",)), Message("%(n)s row", "%(n)s rows")], known)

    assert [entry.forms for entry in made] == [("Speichern",), ("", "")]


# ---- the catalogues that are committed


def committed(language: str, domain: str) -> list[Entry]:
    path = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / f"{domain}.po"
    return catalogues.po_read(path.read_text(encoding="utf-8"))[1]


def test_the_committed_catalogues_are_up_to_date_and_whole() -> None:
    told = io.StringIO()

    call_command("catalogues", "--check", "--missing", stdout=told)

    done = re.findall(r"(\d+) of (\d+) texts", told.getvalue())
    assert len(done) == len(LANGUAGES) * len(catalogues.DOMAINS)
    assert all(n == total and int(n) > 50 for n, total in done)


def test_a_stale_catalogue_is_told(settings: Any, tmp_path: Path) -> None:
    settings.BASE_DIR, settings.LOCALE_PATHS = tmp_path, [tmp_path / "locale"]
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/page.html").write_text('{% translate "Save" %}')

    with pytest.raises(CommandError, match="out of date"):
        call_command("catalogues", "--check", stdout=io.StringIO())

    assert not (tmp_path / "locale").exists()
    told = io.StringIO()
    call_command("catalogues", "--missing", stdout=told)
    call_command("catalogues", "--check", stdout=io.StringIO())
    assert "de django: 0 of 1 texts are translated." in told.getvalue()
    assert "templates/page.html: Save" in told.getvalue()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def tags_of(text: str) -> list[str]:
    reader = _Tags()
    reader.feed(text)
    return sorted(reader.tags)


@pytest.mark.parametrize("domain", list(catalogues.DOMAINS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_the_same_places_and_markup(language: str, domain: str) -> None:
    for entry in committed(language, domain):
        message = entry.message
        assert entry.is_translated, message.text
        for text, form in zip((message.text, message.plural or message.text), entry.forms, strict=False):
            places = catalogues.placeholders(form)
            allowed = {frozenset(catalogues.placeholders(one)) for one in (text, message.plural or text)}
            assert places in allowed, (message.text, form)
            assert tags_of(form) == tags_of(text), (message.text, form)
            assert form.count("%%") == text.count("%%"), (message.text, form)
            assert form[:1].isspace() == text[:1].isspace() and form[-1:].isspace() == text[-1:].isspace(), form
            assert "&" not in re.sub("&(?=[^;]*$)", "", form) or "&" in text, (message.text, form)
            assert form.endswith(".") == text.endswith("."), (message.text, form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_format_can_be_filled(language: str) -> None:
    for entry in committed(language, "django"):
        if entry.message.is_format:
            for form in entry.forms:
                assert "%(" not in form % {name: "x" for name in catalogues.placeholders(form)}


# ---- sentences with values


def test_a_sentence_is_said_in_the_language_of_the_moment() -> None:
    with translation.override("de"):
        assert say("%(n)s so far", n=3) == "bisher 3"
        assert grouped(12345) == "12.345"
        assert figure_said("1,374.50") == "1.374,50"
        assert figure_said("12.5%") == "12,5%"
    assert say("%(n)s so far", n=3) == "3 so far"
    assert grouped(12345) == "12,345"


@pytest.mark.parametrize("value", ["1.2.3", "12,34", "a1.5", "", "10-12", 3, None, "2026"])
def test_what_is_no_figure_stays(value: object) -> None:
    with translation.override("de"):
        assert figure_said(value) == value


@pytest.mark.parametrize("form", KEPT)
def test_what_was_kept_in_english_is_shown_in_german(form: str) -> None:
    stored = form % {"what": "Telephone number", "figure": "150", "n": "3", "share": "95%"} if "%(" in form else form

    with translation.override("de"):
        shown = kept_said(stored) if "%(" in form else translation.gettext(stored)

    assert shown != stored
    assert "%(" not in shown
    assert kept_said("Somebody's own words.") == "Somebody's own words."
