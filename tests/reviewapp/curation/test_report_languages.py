"""The language of every sample, the wanted mix, and selections that follow it."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation import services
from reviewapp.curation.language import NAMES, language_among, language_by_script
from reviewapp.curation.languages.mix import by_adding, by_removing, sized
from reviewapp.curation.languages.page import mix_rows, reach_of
from reviewapp.curation.languages.reading import LanguageCount, language_counts, language_mix
from reviewapp.curation.models import BalanceSettings, SampleLanguage
from reviewapp.curation.selections.choosing import Pool, Quota, choose
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.curation.selecting import fill as fill_selection
from tests.reviewapp.curation.selecting import kept, selected
from tests.reviewapp.curation.test_views import body, url

Clients = Callable[[Any], Client]
ENGLISH = "The patient has had pain in the right knee for three weeks, mostly when she climbs the stairs at home."
SPANISH = "La paciente refiere dolor en la rodilla derecha desde hace tres semanas, sobre todo al subir escaleras."
counts_st = st.dictionaries(st.sampled_from(["en", "es", "de", "fr"]), st.integers(0, 500), min_size=1)


@st.composite
def targets_st(draw: Any) -> dict[str, float]:
    names = draw(st.lists(st.sampled_from(["en", "es", "de", "it"]), min_size=1, max_size=4, unique=True))
    weights = [draw(st.integers(1, 100)) for _ in names]
    return {name: weight / sum(weights) for name, weight in zip(names, weights, strict=True)}


# ---- the mix


@given(targets_st(), st.integers(0, 10_000))
def test_shares_become_whole_samples_that_sum_up(targets: dict[str, float], size: int) -> None:
    made = sized(targets, size)
    assert sum(made.values()) == size
    assert all(abs(made[name] - share * size) < 1 for name, share in targets.items())


@given(counts_st, targets_st())
def test_leaving_out_reaches_the_mix_with_the_most_samples(counts: dict[str, int], targets: dict[str, float]) -> None:
    stays = by_removing(counts, targets)
    n = sum(stays.values())
    assert all(0 <= stays[name] <= counts.get(name, 0) for name in stays)
    assert {name: m for name, m in stays.items() if m} == {name: m for name, m in sized(targets, n).items() if m}
    one_more = sized(targets, n + 1)
    assert any(m > counts.get(name, 0) for name, m in one_more.items()) or n + 1 > min(
        counts.get(name, 0) / share for name, share in targets.items()
    )


@given(counts_st, targets_st())
def test_adding_reaches_the_mix_and_drops_nothing_wanted(counts: dict[str, int], targets: dict[str, float]) -> None:
    must = by_adding(counts, targets)
    assert all(must[name] >= counts.get(name, 0) for name in targets)
    assert must == sized(targets, sum(must.values()))


def test_what_the_page_says_of_a_mix() -> None:
    counts = [LanguageCount(language="en", before=90, after=80), LanguageCount(language="es", before=20, after=20)]
    counts.append(LanguageCount(language="", before=5, after=5))
    rows = mix_rows(counts, {"en": 0.5, "es": 0.5})
    assert [(row.code, row.leave_out, row.add) for row in rows] == [("en", 60, 0), ("es", 0, 60), ("", 0, 0)]
    reach = reach_of(rows)
    assert reach is not None and (reach.stays, reach.leaves, reach.comes, reach.missing) == (40, 60, 60, [])
    assert reach_of(mix_rows(counts, {})) is None
    assert rows[-1].target is None and rows[0].after_share == 0.8


# ---- finding out


@pytest.mark.parametrize(
    ("text", "known", "language"),
    [
        ("dolor en la rodilla", ("en", "es"), "es"), ("pain in the right knee", ("en", "es"), "en"),
        ("pain in the right knee", ("en",), None), ("ja, 12 mg", ("de", "en"), None), ("", ("de", "en"), None),
    ],
)  # fmt: skip
def test_a_short_text_is_compared_with_known_languages_alone(
    text: str, known: tuple[str, ...], language: str | None
) -> None:
    assert language_among(text, known) == language


@pytest.mark.parametrize(
    ("text", "known", "language"),
    [
        ("yes", ("en",), "en"), ("yes", ("en", "es"), None), ("γόνατο", ("en",), "el"), ("무릎", (), "ko"),
        ("膝の痛み", (), "ja"), ("колено", (), None), ("колено", ("ru",), "ru"), ("12/80", ("en",), None),
    ],
)  # fmt: skip
def test_letters_say_the_language_where_only_one_has_them(
    text: str, known: tuple[str, ...], language: str | None
) -> None:
    assert language_by_script(text, known) == language


@given(st.text(max_size=80), st.sets(st.sampled_from(sorted(NAMES)), max_size=4))
def test_any_text_has_a_known_language_or_none(text: str, known: set[str]) -> None:
    assert language_among(text, tuple(sorted(known))) in {None, *known}


def written(project: Project) -> dict[str, tuple[str, str]]:
    rows = SampleLanguage.objects.filter(sample__project=project)
    return {name: (lang, basis) for name, lang, basis in rows.values_list("sample__external_id", "language", "basis")}


def fill(project: Project) -> None:
    for n in range(4):
        factories.sample(project, prompt=f"Note {n}.", completion=f"{ENGLISH} {n}", external_id=f"en-{n}")
        factories.sample(project, prompt=f"Nota {n}.", completion=f"{SPANISH} {n}", external_id=f"es-{n}")
    values: dict[str, dict[str, Any]] = {
        "short": {"prompt": "dolor en la rodilla derecha", "completion": "reposo"},
        "declared": {"prompt": "x", "completion": "y", "language": "fr_CA"},
        "group": {"prompt": "ok", "completion": "no", "group_key": "one"},
        "groups": {"prompt": ".", "completion": SPANISH, "group_key": "one"},
        "open": {"prompt": "12/80", "completion": "no"},
        "wrong": {"prompt": "x", "completion": ENGLISH, "language": "de"},
    }
    for name, own in values.items():
        factories.sample(project, external_id=name, **own)


def test_every_sample_gets_a_language_and_how_it_is_known(project: Project) -> None:
    fill(project)
    assert services.languages_find(project=project) == 14
    told = written(project)
    assert told["en-1"] == ("en", "text") and told["es-1"] == ("es", "text")
    assert told["short"] == ("es", "short") and told["declared"] == ("fr", "declared")
    assert told["group"] == ("es", "group") and told["open"] == ("", "open")
    assert told["wrong"] == ("en", "text"), "the text goes before what the import says"


def test_a_second_time_reads_only_what_changed(project: Project) -> None:
    fill(project)
    services.languages_find(project=project)
    before = written(project)
    with CaptureQueriesContext(connection) as queries:
        assert services.languages_find(project=project) == 0
    assert written(project) == before and len(queries) <= 4
    sample = Sample.objects.get(external_id="en-1")
    sample.revision = factories.revision(sample, prompt="x", completion=SPANISH)
    sample.save()
    assert services.languages_find(project=project) == 1 and written(project)["en-1"] == ("es", "text")


def test_one_language_alone_takes_in_what_is_written_in_its_letters(project: Project) -> None:
    for n in range(3):
        factories.sample(project, prompt=".", completion=f"{ENGLISH} {n}")
    factories.sample(project, prompt="q", completion="yes", external_id="yes")
    services.languages_find(project=project)
    assert written(project)["yes"] == ("en", "script")


def test_what_was_taken_out_counts_before_and_not_after(project: Project) -> None:
    fill(project)
    services.languages_find(project=project)
    Sample.objects.filter(external_id="es-0").update(state=Sample.State.REJECTED)
    spanish = next(one for one in language_counts(project) if one.language == "es")
    assert (spanish.before, spanish.after) == (7, 6)


# ---- selections


def test_a_value_with_a_limit_of_its_own() -> None:
    values = [("en",), ("en",), ("es",), ("fr",), ("",)]
    quota = Quota("language", values, 0, {"en": 1, "es": 2})
    pool = Pool(vectors=np.eye(5, dtype=np.float32), values=np.ones(5), quotas=[quota])
    made = choose(pool, 5, 0.5)
    assert sorted(one.row for one in made.chosen) == [0, 2]
    assert {row: left.reason for row, left in made.left.items()} == {1: "quota", 3: "quota", 4: "quota"}


def test_a_selection_follows_the_mix(project: Project, people: SimpleNamespace) -> None:
    fill_selection(project)
    made = selected(project, people.lead, size=6, mix={"en": 0.5, "de": 0.5})
    languages = Sample.objects.filter(external_id__in=kept(made)).values_list("language", flat=True)
    assert sorted(languages) == ["de"] * 3 + ["en"] * 3
    only = selected(project, people.lead, size=6, mix={"en": 1.0})
    assert {Sample.objects.get(external_id=name).language for name in kept(only)} == {"en"}
    left = only.entries.filter(reason="quota")[0]
    assert left.facts == {"quota": "language", "value": "de", "most": 0}


@pytest.mark.parametrize("mix", [{"en": 0.5}, {"en": 1.5, "de": -0.5}])
def test_a_mix_that_is_none_is_refused(project: Project, people: SimpleNamespace, mix: dict[str, float]) -> None:
    fill_selection(project)
    with pytest.raises(ApplicationError):
        selected(project, people.lead, mix=mix)


# ---- pages


@pytest.fixture
def lead(project: Project, people: SimpleNamespace, client_for: Clients) -> Client:
    fill(project)
    services.languages_find(project=project)
    return client_for(people.lead)


def test_the_page_shows_shares_and_the_samples_of_a_language(lead: Client) -> None:
    page = body(lead.get(url("language_list"), {"language": "es"}))
    assert "English" in page and "Spanish" in page and "Samples: Spanish" in page and "es-1" in page
    assert "Samples:" not in body(lead.get(url("language_list"), {"language": "xx"}))
    assert ">open</a>" in body(lead.get(url("language_list"), {"language": "unknown"}))


def test_a_lead_sets_the_mix_and_the_form_of_selections_offers_it(lead: Client, project: Project) -> None:
    BalanceSettings.objects.create(project=project, targets={"gender": {"female": 0.5}}, conditions="")
    answer = lead.post(url("language_mix_set"), {"share-en": "60", "share-es": "40 %", "share-fr": ""})
    assert answer.status_code == 302 and language_mix(project) == {"en": 0.6, "es": 0.4}
    assert BalanceSettings.objects.get().targets["gender"] == {"female": 0.5}
    assert "leave out" in body(lead.get(url("language_list")))
    assert "English 60.0%, Spanish 40.0%" in body(lead.get(url("selection_list")))
    lead.post(url("language_mix_set"), {"share-en": ""})
    assert language_mix(project) == {}


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"share-en": "60"}, "make 100%"), ({"share-en": "a lot"}, "no percentage"),
        ({"share-en": "-1"}, "no percentage"), ({"share-en": "nan"}, "no percentage"),
        ({"share-xx": "100"}, "No language has the code"),
        ({"share-new": "100", "new": "??"}, "No language has the code"),
    ],
)  # fmt: skip
def test_a_mix_that_cannot_be_is_refused_and_nothing_is_lost(lead: Client, form: dict[str, str], sentence: str) -> None:
    refused = lead.post(url("language_mix_set"), form)
    assert refused.status_code == 422 and sentence in body(refused)
    if "share-en" in form:
        assert f'value="{form["share-en"]}"' in body(refused)


def test_the_page_asks_few_questions(lead: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        lead.get(url("language_list"), {"language": "es"})
    assert len(queries) <= 16


# ---- measured


def pieces(texts: list[str], letters: int, n: int, rng: random.Random) -> list[str]:
    """``n`` runs of whole words with about so many letters, from anywhere in the texts."""
    found: list[str] = []
    while len(found) < n:
        words = rng.choice(texts).split()
        start, taken = rng.randrange(max(1, len(words) - 12)), 0
        for end in range(start, len(words)):
            taken += sum(map(str.isalpha, words[end]))
            if taken >= letters:
                break
        if 0.9 * letters <= taken <= 1.25 * letters:
            found.append(" ".join(words[start : end + 1]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("letters", "right", "answered"), [(20, 0.985, 0.93), (40, 0.995, 0.97), (60, 0.995, 0.98)])
def test_short_texts_of_two_languages_are_told_apart(
    shared_data: Path, letters: int, right: float, answered: float
) -> None:
    """Pieces of English conversations (mts-dialog) and Spanish cases (meddocan), 200 of each."""
    with (shared_data / "mts-dialog/Main-Dataset/MTS-Dialog-TrainingSet.csv").open(encoding="utf-8") as file:
        english = [row["dialogue"] for row in csv.DictReader(file)]
    spanish = [path.read_text(encoding="utf-8") for path in sorted((shared_data / "meddocan/train").rglob("*.txt"))]
    rng = random.Random(7)
    both = (("en", english), ("es", spanish))
    asked = [(lang, text) for lang, texts in both for text in pieces(texts, letters, 200, rng)]
    answers = [(lang, found) for lang, text in asked if (found := language_among(text, ("en", "es")))]
    assert len(answers) >= answered * len(asked)
    assert sum(lang == found for lang, found in answers) >= right * len(answers)
