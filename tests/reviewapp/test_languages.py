"""Every page in both languages: the same page for scripts and servers, other words for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import Client
from django.urls import reverse

from reviewapp.core import catalogues
from reviewapp.projects.models import Project
from tests import factories
from tests.reviewapp.permission_rows import ROWS, Row, world_make
from tests.reviewapp.reading import Page, read
from tests.reviewapp.reviews import reviewing

CATALOGUE = Path(settings.LOCALE_PATHS[0]) / "de" / "LC_MESSAGES" / "django.po"
CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}")  # idempotency keys
# people of this world by name and as they sign in, a rubric, an empty field, a figure of three decimals, a folder
ROLES = {"Lead", "Reviewer", "Annotator", "Engineer", "Observer", "Admin"}
DATA = ROLES | {role.lower() for role in ROLES} | {"Pairwise", "None", "1,000", "base"}

pytestmark = pytest.mark.words


@pytest.fixture
def world(project: Project, people: SimpleNamespace) -> SimpleNamespace:
    made = world_make(project, people)
    made.batch.job = factories.job(project_slug=project.slug)
    made.batch.save()
    return made


def pages(
    world: SimpleNamespace, people: SimpleNamespace, client_for: Any
) -> Iterator[tuple[str, list[HttpResponseBase]]]:
    """Each page that is read, in English and in German, as one who may read it."""
    for who in ("lead", "lead2", "annotator2", "reviewer2"):
        client = client_for(getattr(people, who))
        for name, row in sorted(ROWS.items()):
            if row.method == "GET" and (row.is_personal or who == "lead"):
                yield name, [_get(client, name, row, world, language) for language in ("en", "de")]


def _get(client: Client, name: str, row: Row, world: SimpleNamespace, language: str) -> HttpResponseBase:
    session = client.session
    if session.pop("_messages", None):  # what the page before had to say
        session.save()
    return client.get(reverse(name, args=row.arguments(world)), headers={"Accept-Language": language})


def _shape(page: Page) -> list[object]:
    return [
        (
            tag,
            [
                (name, CHANGING.sub("", value))
                for name, value in attributes
                if name not in ("hx-headers", "data-lease-seconds")
            ],
        )
        for tag, attributes in page.shape
        if tag != "option" and ("name", "csrfmiddlewaretoken") not in attributes
    ]


def _is_page(response: HttpResponseBase) -> bool:
    return response.status_code != 302 and response.headers["Content-Type"].startswith("text/html")


def test_both_languages_have_the_same_page_and_the_german_one_speaks_german(
    world: SimpleNamespace, people: SimpleNamespace, client_for: Any
) -> None:
    """Addresses, form values, numbers in attributes and drawings do not follow the reader; files do not either. No text
    of the catalogue is left in English, but where the page itself says that a part is English."""
    entries = catalogues.catalogue_read(CATALOGUE, "de")
    german_words = {form for entry in entries for form in catalogues.forms_of(entry)}
    texts = {entry.msgid for entry in entries} - german_words - DATA
    seen, left = 0, set()
    for name, (english, german) in pages(world, people, client_for):
        assert english.status_code == german.status_code, name
        if isinstance(english, StreamingHttpResponse) and isinstance(german, StreamingHttpResponse):
            assert english.getvalue() == german.getvalue(), name
        elif _is_page(english):
            one, other = (read(response.content.decode()) for response in (english, german))  # type: ignore[attr-defined]
            assert _shape(one) == _shape(other), name
            left |= {(name, text) for text, language in other.texts if language != "en" and text in texts}
            seen += 1
        else:
            assert english.content == german.content, name  # type: ignore[attr-defined]
    assert seen > 60
    assert not left


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_says_its_language(language: str, people: SimpleNamespace, client_for: Any) -> None:
    client = client_for(people.lead)
    response = client.get(reverse("accounts:security"), headers={"Accept-Language": language})

    assert f'<html lang="{language}"' in response.content.decode()
    assert response.headers["Content-Language"] == language


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("de-AT", "de-AT"), ("", ""), ("English", "")])
def test_the_text_of_a_sample_keeps_its_own_language(
    language: str, tag: str, project: Project, client_for: Any
) -> None:
    """A screen reader and the spell checker go by it; an interface in German does not make the text German."""
    world = reviewing.world(project)
    project.samples.update(language=language)
    held = reviewing.claim(project, world.ann)
    url = reverse("reviews:review_edit", args=["letters", held.key])

    page = read(client_for(world.ann).get(url, headers={"Accept-Language": "de"}).content.decode())

    told = dict(page.texts)
    assert told["Patient"] == "de"  # who speaks is shown by the page
    assert told["My knee has hurt for three weeks."] == tag
    assert told["Annehmen, weiter"] == "de"
