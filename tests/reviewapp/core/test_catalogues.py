"""Catalogues: what is gathered, what stays when it is gathered anew, and that every language is whole."""

from __future__ import annotations

import gettext
import io
import re
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polib
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.core import catalogues
from reviewapp.core.catalogues import Message
from reviewapp.core.kept import KEPT, kept_said
from reviewapp.words import figure_said, grouped, say

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from('\n\t"\\'), min_size=1)
MESSAGES = st.builds(
    Message,
    TEXT.filter(lambda text: "\x04" not in text),
    st.just("") | TEXT,
    st.lists(st.sampled_from(["templates/a.html", "reviewapp/b.py:1"]), max_size=2, unique=True).map(tuple),
    st.booleans(),
)


@given(st.lists(st.tuples(MESSAGES, TEXT, TEXT), max_size=6, unique_by=lambda one: one[0].text))
def test_a_translation_outlives_the_file_and_is_compiled(made: list[tuple[Message, str, str]]) -> None:
    catalogue = catalogues.catalogue_read(Path("none.po"), "de")
    catalogues.catalogue_update(catalogue, [message for message, _, _ in made])
    for entry, (_, one, many) in zip(catalogue, made, strict=True):
        if entry.msgid_plural:
            entry.msgstr_plural = {0: one, 1: many}
        else:
            entry.msgstr = one

    again = polib.pofile(str(catalogue), wrapwidth=0)
    catalogues.catalogue_update(again, [message for message, _, _ in made])
    told = gettext.GNUTranslations(io.BytesIO(again.to_binary()))  # type: ignore[arg-type]

    assert str(again) == str(catalogue)
    for message, one, many in made:
        if message.plural:
            assert told.ngettext(message.text, message.plural, 1) == one
            assert told.ngettext(message.text, message.plural, 2) == many
        else:
            assert told.gettext(message.text) == one


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
    catalogue = catalogues.catalogue_read(Path("none.po"), "de")
    catalogue += [polib.POEntry(msgid="Save", msgstr="Speichern"), polib.POEntry(msgid="Old", msgstr="Alt")]
    catalogue.append(polib.POEntry(msgid="Draft", msgstr="Entwurf", flags=["fuzzy"]))
    messages = [Message("Save", places=("a",)), Message("%(n)s row", "%(n)s rows"), Message("Draft")]

    catalogues.catalogue_update(catalogue, messages)

    assert [catalogues.forms_of(entry) for entry in catalogue] == [["Speichern"], ["", ""], ["Entwurf"]]
    assert [entry.translated() for entry in catalogue] == [True, False, False]


# ---- the catalogues that are committed


def committed(language: str, domain: str) -> polib.POFile:
    path = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / f"{domain}.po"
    return catalogues.catalogue_read(path, language)


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
        assert entry.translated(), entry.msgid
        other = entry.msgid_plural or entry.msgid
        for text, form in zip((entry.msgid, other), catalogues.forms_of(entry), strict=False):
            places = catalogues.placeholders(form)
            allowed = {frozenset(catalogues.placeholders(one)) for one in (text, other)}
            assert places in allowed, (entry.msgid, form)
            assert tags_of(form) == tags_of(text), (entry.msgid, form)
            assert form.count("%%") == text.count("%%"), (entry.msgid, form)
            assert form[:1].isspace() == text[:1].isspace() and form[-1:].isspace() == text[-1:].isspace(), form
            assert "&" not in re.sub("&(?=[^;]*$)", "", form) or "&" in text, (entry.msgid, form)
            assert form.endswith(".") == text.endswith("."), (entry.msgid, form)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_format_can_be_filled(language: str) -> None:
    for entry in committed(language, "django"):
        if "python-format" in entry.flags:
            for form in catalogues.forms_of(entry):
                assert "%(" not in form % {name: "x" for name in catalogues.placeholders(form)}


# ---- sentences with values


def test_a_sentence_is_said_in_the_language_of_the_moment() -> None:
    with translation.override("de"):
        assert say("%(n)s so far", n=3) == "bisher 3"
        assert grouped(12345) == "12.345"
        assert figure_said("1,374.50") == "1.374,50"
        assert figure_said("12.5%") == "12,5%"
        assert figure_said("3.11e-06") == "3,11e-06"
        assert figure_said(figure_said("1,374")) == "1.374", "said twice it is the same number"
        assert say("%(n)s so far", n=grouped(1374)) == "bisher 1.374"
    assert say("%(n)s so far", n=3) == "3 so far"
    assert grouped(12345) == "12,345"


@pytest.mark.parametrize("value", ["1.2.3", "12,34", "a1.5", "", "10-12", 3, None, "2026"])
def test_what_is_no_figure_stays(value: object) -> None:
    with translation.override("de"):
        assert figure_said(value) == value


# what a form that is kept is filled with; names of fields and classes are anything
FILLED = defaultdict(
    lambda: "ward", {"what": "Telephone number", "figure": "150", "n": "3", "share": "95%", "sure": "95%"}
)


@pytest.mark.parametrize("form", KEPT)
def test_what_was_kept_in_english_is_shown_in_german(form: str) -> None:
    stored = form % FILLED if "%(" in form else form

    with translation.override("de"):
        shown = kept_said(stored) if "%(" in form else translation.gettext(stored)

    assert shown != stored
    assert "%(" not in shown
    assert kept_said("Somebody's own words.") == "Somebody's own words."
