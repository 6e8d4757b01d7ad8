"""Pairwise rounds: sides by lot, one vote a prompt, ties shown, and every act by keyboard."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import pair_page, preferring, selectors
from reviewapp.evaluations.models import GradeAssignment, GradingRound, Preference
from reviewapp.evaluations.services import grades, preferences, rounds
from reviewapp.projects.models import Project
from reviewapp.reports.services import gates_declare
from tests import factories
from tests.reviewapp.evaluations.test_browser import Bench
from tests.reviewapp.evaluations.world import BASE_LABEL, TUNED_LABEL, generated, opened_round

ClientFor = Callable[[User], Client]


def address(name: str, *args: object) -> str:
    return reverse(f"evaluations:{name}", args=["letters", *args])


@pytest.fixture
def round(project: Project, people: SimpleNamespace) -> GradingRound:
    return opened_pairs(project, people, prompts=8)


def opened_pairs(project: Project, people: SimpleNamespace, *, prompts: int, overlap: int = 0) -> GradingRound:
    run = generated(project, prompts=prompts)
    version = factories.rubric_version(project, applies_to="outputs")
    made = preferences.pairwise_create(
        generation_run=run, rubric_version=version, overlap_percent=overlap, created_by=people.lead
    )
    return rounds.round_open(round=made, opened_by=people.lead)


def answer(taken: GradeAssignment, choice: str, **values: str) -> Preference:
    return preferences.preference_submit(
        assignment=taken, idempotency_key=uuid.uuid4(), values={"choice": choice} | values, submitted_by=taken.holder
    )


def better(taken: GradeAssignment) -> str:
    """The side on which the candidate stands."""
    return "left" if taken.is_swapped else "right"


# ---- arithmetic


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_win_rate_lies_in_its_interval_and_leaves_ties_out(wins: int, losses: int, ties: int) -> None:
    result = preferring.win_rate([1] * wins + [-1] * losses + [0] * ties)
    assert (result.wins, result.losses, result.ties, result.n) == (wins, losses, ties, wins + losses + ties)
    if not wins + losses:
        assert result.rate is result.low is result.high is None
        return
    assert result.rate == wins / (wins + losses)
    assert result.low is not None and result.high is not None
    assert -1e-12 <= result.low <= result.rate + 1e-12 and result.rate <= result.high + 1e-12 <= 1 + 2e-12
    mirrored = preferring.win_rate([1] * losses + [-1] * wins)
    assert mirrored.low is not None and abs(1 - mirrored.low - result.high) < 1e-9


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    # Newcombe 1998, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_against_published_values(count: int, n: int, low: float, high: float) -> None:
    found = preferring.wilson(count, n, 1.959963984540054)
    assert found == pytest.approx((low, high), abs=5e-5)


def test_two_graders_give_one_vote() -> None:
    assert [preferring.prompt_outcome(votes) for votes in ([1, 1], [1, -1], [1, 0], [-1, 0], [0, 0])] == [
        1,
        0,
        1,
        -1,
        0,
    ]


@pytest.mark.parametrize("choice", ["", "both", "LEFT"])
def test_a_choice_is_one_of_three(choice: str) -> None:
    with pytest.raises(preferring.PreferenceInvalid):
        preferring.preference_read({"choice": choice})


# ---- the round


def test_a_preference_keeps_what_stood_where(round: GradingRound, people: SimpleNamespace) -> None:
    kept = []
    while (taken := grades.grade_claim(round=round, user=people.reviewer)) is not None:
        left, right = pair_page.sides(taken)
        made = answer(
            taken, better(taken), **{"reason-accuracy": "on", "reason-nonsense": "on", "note": " Right age. "}
        )
        assert (made.left.text, made.right.text) == (left.text, right.text)
        assert made.reasons == ["accuracy"] and made.note == "Right age."
        kept.append(taken.is_swapped)
    assert len(kept) == 8 and set(kept) == {True, False}, "sides are drawn"
    assert selectors.preference_outcomes(round) == [1] * 8
    assert selectors.round_progress(round).is_complete


def test_sides_differ_from_grader_to_grader_and_stay(project: Project, people: SimpleNamespace) -> None:
    round = opened_pairs(project, people, prompts=12, overlap=100)
    swapped = {}
    for grader in (people.reviewer, people.reviewer2):
        while (taken := grades.grade_claim(round=round, user=grader)) is not None:
            grades.grade_release(assignment=taken)
            again = grades.grade_claim(round=round, user=grader)
            assert again.is_swapped == GradeAssignment.objects.get(pk=again.pk).is_swapped
            swapped[again.item_id, grader.pk] = again.is_swapped
            answer(again, "tie")
    items = {item for item, _ in swapped}
    assert {swapped[item, people.reviewer.pk] == swapped[item, people.reviewer2.pk] for item in items} == {True, False}
    assert selectors.preference_outcomes(round) == [0] * 12 and Preference.objects.count() == 24


def test_twice_with_one_key_is_kept_once_and_undo_gives_it_back(round: GradingRound, people: SimpleNamespace) -> None:
    taken, key = grades.grade_claim(round=round, user=people.reviewer), uuid.uuid4()
    first, again = (
        preferences.preference_submit(
            assignment=taken, idempotency_key=key, values={"choice": "tie"}, submitted_by=people.reviewer
        )
        for _ in range(2)
    )
    assert first == again
    with pytest.raises(ApplicationError, match="already compared"):
        answer(taken, "left")
    with pytest.raises(ApplicationError, match="someone else"):
        preferences.preference_submit(
            assignment=taken, idempotency_key=uuid.uuid4(), values={"choice": "tie"}, submitted_by=people.reviewer2
        )
    undo = uuid.uuid4()
    for _ in range(2):
        back = preferences.preference_undo(preference=first, idempotency_key=undo, undone_by=people.reviewer)
    assert back.is_live and back.draft == {"choice": "tie"} and not selectors.effective_preferences(round).exists()
    answer(back, "left")
    assert list(Preference.objects.values_list("choice", "is_undone")) == [("tie", False), ("", True), ("left", False)]


def test_arms_that_are_not_there_are_refused(project: Project, people: SimpleNamespace) -> None:
    run = generated(project, prompts=2)
    version = factories.rubric_version(project, applies_to="outputs")
    for first, second in (("baseline", "baseline"), ("baseline", "elsewhere")):
        with pytest.raises(ApplicationError, match="two different systems"):
            preferences.pairwise_create(
                generation_run=run, rubric_version=version, overlap_percent=0, created_by=people.lead,
                first_arm=first, second_arm=second,
            )  # fmt: skip


def test_a_comparison_has_no_gates(project: Project, people: SimpleNamespace) -> None:
    round = opened_pairs(project, people, prompts=1)
    with pytest.raises(ApplicationError, match="verdicts stand on grading rounds"):
        gates_declare(round=round, declared=[], declared_by=people.lead)


# ---- the pages


def test_a_lead_sets_up_opens_and_reads_a_comparison(
    project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    run = generated(project, prompts=4)
    version = factories.rubric_version(project, applies_to="outputs")
    lead, reviewer = client_for(people.lead), client_for(people.reviewer)
    form = {"generation_run": run.pk, "rubric_version": version.pk, "overlap_percent": "0", "first": "baseline"}
    assert lead.post(address("pairwise_create"), form | {"second": "nobody"}).status_code == 422
    made = lead.post(address("pairwise_create"), form | {"second": "candidate"})
    round = GradingRound.objects.get()
    assert made.url == address("round_detail", round.pk)
    assert "Comparing has not begun" in reviewer.get(made.url).content.decode()
    lead.post(address("round_open", round.pk))
    round.refresh_from_db()
    for _ in range(3):
        page = reviewer.post(address("grade_next", round.pk))
        taken = GradeAssignment.objects.get(key=page.url.rstrip("/").rpartition("/")[2])
        answer(taken, better(taken))
    taken = grades.grade_claim(round=round, user=people.reviewer)
    answer(taken, "tie")
    assert "Every comparison is in" in lead.get(made.url).content.decode()
    assert TUNED_LABEL not in lead.get(made.url).content.decode()
    lead.post(address("round_unseal", round.pk))
    page = lead.get(made.url).content.decode()
    assert "won 100.0% of the prompts" in page and "interval 43.9 to 100.0%" in page and "Tuned better" in page


def test_the_page_tells_nothing_and_keeps_what_was_sent(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client, taken = client_for(people.reviewer), grades.grade_claim(round=round, user=people.reviewer)
    assert client.get(address("grade", taken.key)).url == address("pair", taken.key)
    page = client.get(address("pair", taken.key)).content.decode()
    known = page.lower()
    assert not [w for w in ("baseline", "candidate", BASE_LABEL.lower(), TUNED_LABEL.lower(), "rouge") if w in known]
    form = {"note": "<b>Kept</b>", "reason-tone": "on", "idempotency_key": str(uuid.uuid4())}
    refused = client.post(address("preference_submit", taken.key), form)
    page = refused.content.decode()
    assert refused.status_code == 422 and "&lt;b&gt;Kept&lt;/b&gt;" in page and "Choose the left output" in page
    assert 'name="reason-tone" value="on" data-reason="9" checked' in page
    assert client.post(address("preference_submit", taken.key), form | {"choice": "tie"}).status_code == 302
    assert client.get(address("pair", taken.key)).url == address("round_detail", round.pk)


def test_query_counts_do_not_grow_with_pairs(project: Project, people: SimpleNamespace, client_for: ClientFor) -> None:
    round = opened_pairs(project, people, prompts=30)
    client, taken = client_for(people.reviewer), grades.grade_claim(round=round, user=people.reviewer)
    for page, most in ((address("round_detail", round.pk), 24), (address("pair", taken.key), 24)):
        client.get(page)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200
        assert len(queries) <= most, f"{page}: {len(queries)} queries"


def test_a_single_output_round_is_not_compared(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=1), people.lead)
    taken = grades.grade_claim(round=round, user=people.reviewer)
    with pytest.raises(ApplicationError, match="stands alone"):
        answer(taken, "left")


# ---- in a browser


@pytest.fixture
def bench(browser: Any, live_server: Any, people: SimpleNamespace, round: GradingRound) -> Iterator[Bench]:
    made = Bench(browser, live_server.url, people.reviewer, round)
    yield made
    made.context.close()
    assert made.troubles == []


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_pairs_are_compared_by_keyboard_alone(bench: Bench) -> None:
    bench.page.get_by_role("button", name="Start comparing").focus()
    with bench.page.expect_navigation():
        bench.press("Enter")
    bench.page.evaluate("document.addEventListener('pointerdown', () => { throw new Error('a pointer') }, true)")
    bench.says("Choose one of the three.")
    assert bench.page.locator("[data-hotkey-submit]").is_disabled()
    for key, choice in (("1", "left"), ("2", "tie"), ("3", "right"), ("ArrowLeft", "left"), ("ArrowRight", "right")):
        bench.press(key)
        assert bench.page.locator("[name=choice]:checked").get_attribute("value") == choice
    assert bench.page.locator("[data-side][data-chosen]").get_attribute("data-side") == "right"
    bench.press("4", "6", "d")
    assert bench.page.locator("[data-marks]").get_attribute("aria-pressed") == "false"
    bench.says("Complete.")
    bench.lock()
    bench.says("is locked.")
    kept = Preference.objects.get()
    assert (kept.choice, kept.reasons) == ("right", ["accuracy", "safety"])
    with bench.page.expect_navigation():
        bench.press("u")
    bench.says("Complete.")
    assert Preference.objects.filter(is_undone=True).count() == 1
