from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Grade, GradeAssignment, GradeScore, GradingRound, RoundItem
from reviewapp.home.raters import RaterPage, Work, rater_page, works
from reviewapp.projects.models import Project
from reviewapp.reviews import agreement
from reviewapp.reviews.models import CriterionScore
from reviewapp.reviews.raters import Rating, severities
from reviewapp.rubrics.models import RubricVersion
from tests import factories

ClientFor = Callable[[User], Client]
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
Purpose = GradeAssignment.Purpose


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    """Thirty samples: Ann a level below Bob on accuracy, the first ten also by Cleo."""
    version = factories.rubric_version(project, used=True)
    names = {name: factories.member(project, "annotator", name) for name in ("ann", "bob", "cleo")}
    rng = np.random.default_rng(8)
    given: list[Rating] = []
    for number in range(30):
        sample = factories.sample(project)
        truth = int(rng.integers(2, 4))
        for slot, (name, level) in enumerate((("bob", truth + 1), ("ann", truth), ("cleo", truth + number % 2))):
            if name == "cleo" and number >= 10:
                continue
            at = START + timedelta(minutes=3 * number)
            review = factories.review(sample, names[name], version, slot=slot, seconds=60 + number, submitted_at=at)
            score(review, version, "accuracy", level)
            given.append(Rating(name, sample.pk, float(level)))
    return SimpleNamespace(project=project, version=version, given=given, **names)


def score(review: Any, version: RubricVersion, key: str, level: int) -> None:
    criterion = version.criteria.get(key=key)
    CriterionScore.objects.create(review=review, criterion=criterion, value=level)


def page_of(w: SimpleNamespace, key: str = "") -> RaterPage:
    return rater_page(w.project, Work(kind="reviews", version=w.version), key)


def url() -> str:
    return reverse("home:raters", args=["letters"])


def test_people_are_in_the_order_of_their_names_with_the_severity_of_the_model(w: SimpleNamespace) -> None:
    page = page_of(w)
    expected = severities(w.given).by_rater
    assert [row.name for row in page.rows] == ["Ann", "Bob", "Cleo"]
    for row in page.rows:
        assert row.severity is not None
        assert row.severity.effect == pytest.approx(expected[row.name.lower()].effect, abs=1e-6)
        assert row.severity.standard_error == pytest.approx(expected[row.name.lower()].standard_error, abs=1e-6)
    assert page.criterion is not None and page.criterion.key == "accuracy" and page.is_ordered


def test_nobody_is_judged_on_fewer_than_twenty_items(w: SimpleNamespace, client_for: ClientFor) -> None:
    ann, _, cleo = page_of(w).rows
    assert (ann.is_enough, cleo.is_enough, cleo.n_items) == (True, False, 10)
    assert cleo.severity is not None and not cleo.severity.is_judged
    page = client_for(factories.member(w.project, "lead")).get(url()).content.decode()
    assert "Not judged: too few items" in page and "Not judged: 10 of 20 shared items" in page


def test_time_an_item_and_drift_come_from_what_was_done(w: SimpleNamespace) -> None:
    ann = page_of(w).rows[0]
    assert (ann.times.n, ann.times.median) == (30, pytest.approx(74.5))
    assert ann.drift.n == 30 and ann.drift.per_ten is not None and ann.drift.low is not None


def test_a_criterion_without_answers_says_why(w: SimpleNamespace, client_for: ClientFor) -> None:
    page = page_of(w, "tone")
    assert page.fit.reason == "one_rater" and all(row.severity is None for row in page.rows)
    client = client_for(factories.member(w.project, "lead"))
    assert "cannot be compared" in client.get(url(), {"criterion": "tone"}).content.decode()


def test_who_gives_lower_scores_is_stricter_unless_lower_is_better(w: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(factories.member(w.project, "lead"))
    strict = client.get(url()).content.decode()
    assert strict.index("Stricter than the others") > strict.index('<th scope="row">Ann')
    assert strict.index("Stricter than the others") < strict.index('<th scope="row">Bob')
    w.version.criteria.filter(key="accuracy").update(direction="lower")
    mild = client.get(url()).content.decode()
    assert mild.index("Milder than the others") < mild.index('<th scope="row">Bob')


def test_it_is_for_leads_and_named_in_the_agreement_page(w: SimpleNamespace, client_for: ClientFor) -> None:
    assert client_for(w.ann).get(url()).status_code == 403
    lead = client_for(factories.member(w.project, "lead"))
    assert url() in lead.get(reverse("reviews:agreement", args=["letters"])).content.decode()
    assert url() not in client_for(w.ann).get(reverse("reviews:agreement", args=["letters"])).content.decode()


def test_strange_choices_fall_back_and_an_empty_project_says_so(w: SimpleNamespace, client_for: ClientFor) -> None:
    lead = factories.member(w.project, "lead")
    assert client_for(lead).get(url(), {"work": "x", "criterion": "y"}).status_code == 200
    empty = factories.project("empty")
    other = factories.member(empty, "lead")
    page = client_for(other).get(reverse("home:raters", args=["empty"])).content.decode()
    assert "Nothing to compare yet" in page


def test_it_costs_the_same_with_more_people(
    w: SimpleNamespace, client_for: ClientFor, django_assert_max_num_queries: Any
) -> None:
    client = client_for(factories.member(w.project, "lead"))
    with django_assert_max_num_queries(20) as before:
        client.get(url())
    for _ in range(3):
        person = factories.member(w.project, "annotator")
        score(factories.review(factories.sample(w.project), person, w.version), w.version, "accuracy", 2)
    with django_assert_max_num_queries(len(before)):
        client.get(url())


# --- grades: repeats, reference grades, and the system taken out ---


@pytest.fixture
def graded(project: Project) -> SimpleNamespace:
    rubric = factories.rubric_version(project, applies_to="outputs", used=True)
    base = factories.base_model(project)
    models = factories.model_version(project, base), factories.model_version(project, base)
    generation = factories.generation_run(project, factories.heldout_set(project, prompts=12), *models)
    round = factories.grading_round(generation, rubric)
    people = [factories.member(project, "reviewer", name) for name in ("ann", "bob")]
    for number, item in enumerate(round.items.all()):
        for slot, person in enumerate(people):
            shift = 1 if item.output.arm == "candidate" else 0
            grade(round, item, person, slot, 1 + shift + slot + number % 2 * (slot == 0))
    return SimpleNamespace(project=project, round=round, rubric=rubric, people=people)


def grade(
    round: GradingRound, item: RoundItem, person: User, slot: int, level: int, purpose: str = Purpose.WORK
) -> Grade:
    assignment = GradeAssignment.objects.create(
        item=item, slot=slot, holder=person, purpose=purpose, state="submitted", lease_expires_at=START
    )
    made: Grade = Grade.objects.create(
        assignment=assignment, output=item.output, round=round, grader=person, rubric_version=round.rubric_version,
        idempotency_key=uuid.uuid4(), seconds=30,
    )  # fmt: skip
    values = {"accuracy": level, "safety": level % 2}
    for criterion in round.rubric_version.criteria.filter(key__in=values):
        GradeScore.objects.create(grade=made, criterion=criterion, value=values[criterion.key])
    return made


def test_grades_are_compared_with_the_system_taken_out(graded: SimpleNamespace) -> None:
    (work,) = works(graded.project)
    assert (work.kind, work.version) == ("grades", graded.rubric)
    page = rater_page(graded.project, work)
    given = [
        Rating(g.grader_id, g.output_id, float(g.scores.get(criterion__key="accuracy").value), g.output.arm)
        for g in Grade.objects.select_related("output")
    ]
    expected = severities(given).by_rater
    for person, row in zip(graded.people, page.rows, strict=True):
        assert row.severity is not None
        assert row.severity.effect == pytest.approx(expected[person.pk].effect, abs=1e-6)


def test_hidden_repeats_and_reference_grades_have_wilson_intervals(graded: SimpleNamespace) -> None:
    ann, _ = graded.people
    items = list(graded.round.items.all()[:5])
    for number, item in enumerate(items):
        first = Grade.objects.get(grader=ann, output=item.output).scores.get(criterion__key="accuracy").value
        grade(graded.round, item, ann, 0, (first or 0) if number < 4 else (first or 0) + 1, Purpose.REPEAT)
    reference = grade(graded.round, items[0], factories.member(graded.project, "lead"), 0, 3, Purpose.REFERENCE)
    gold = RoundItem.objects.create(
        round=graded.round, output=spare_output(graded), purpose="gold", reference=reference, slots=0, order_key="g"
    )
    grade(graded.round, gold, ann, 0, 4, Purpose.GOLD)
    row = rater_page(graded.project, works(graded.project)[0]).rows[0]
    assert row.repeats is not None and (row.repeats.count, row.repeats.n) == (4, 5)
    assert row.repeats.low == pytest.approx(0.3755, abs=1e-4)
    assert row.gold is not None and (row.gold.count, row.gold.n) == (1, 1)
    assert row.n_items == 24


def spare_output(graded: SimpleNamespace) -> Any:
    run = graded.round.generation_run
    heldout = factories.heldout_set(graded.project, prompts=1)
    return factories.generation_run(graded.project, heldout, run.baseline, run.candidate).outputs.all()[0]


def test_a_gate_has_a_share_of_yes_instead_of_a_severity(graded: SimpleNamespace, client_for: ClientFor) -> None:
    page = rater_page(graded.project, works(graded.project)[0], "safety")
    assert not page.is_ordered and all(row.severity is None and row.yes is not None for row in page.rows)
    client = client_for(factories.member(graded.project, "lead"))
    told = client.get(url(), {"criterion": "safety"}).content.decode()
    assert "Yes or met" in told and "Own repeats, same" in told


def test_graders_agree_as_the_pure_measures_say(graded: SimpleNamespace, client_for: ClientFor) -> None:
    page = rater_page(graded.project, works(graded.project)[0])
    table = agreement.ratings_table(
        (g.grader_id, g.output_id, float(g.scores.get(criterion__key="accuracy").value))
        for g in Grade.objects.order_by("grader__display_name")
    )
    assert page.measures is not None
    assert page.measures.alpha.value == pytest.approx(agreement.krippendorff_alpha(table).value)
    (named,) = page.pairs
    assert (named.one, named.other, named.pair.n_units) == ("Ann", "Bob", 24)
    assert named.pair.mean_difference == pytest.approx(float((table[0] - table[1]).mean()))
    told = client_for(factories.member(graded.project, "lead")).get(url()).content.decode()
    assert "Agreement of graders" in told and "Ann and Bob" in told and "Unknown: 24 of 50 rated twice" in told
