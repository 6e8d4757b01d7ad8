"""Labelling functions and their runs: versions, votes, resuming, what fails, and that nothing of it is a label."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.models import (
    LabellingAnswer,
    LabellingFunctionVersion,
    LabellingRun,
    LabellingVote,
    LearnedModel,
    LearnedScore,
)
from reviewapp.curation.programmatic import asked, page, run
from reviewapp.curation.programmatic.conditions import Condition
from reviewapp.curation.services import programmatic as services
from reviewapp.labelling.models import LabelSuggestion
from reviewapp.labelling.selectors import suggestions_for
from reviewapp.labelling.services import rules_save
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Review
from reviewapp.samples.models import Revision, Sample
from reviewapp.trainingsets.models import Example
from tests import factories
from tests.reviewapp.curation import programming

RUNAWAY = {"kind": "pattern", "text": r"^(a|aa)+$"}


def test_a_run_says_what_every_function_and_the_votes_are_worth(project: Project, people: SimpleNamespace) -> None:
    made = programming.world(project, people.lead)
    figures = made.figures
    assert (made.n, figures["covered"], figures["experts"]) == (18, 18, 9)
    named = dict(zip([one["name"] for one in made.functions], figures["functions"], strict=True))
    assert {name: one["fires"] for name, one in named.items()} == {"pain words": 6, "skin words": 6, "sleep words": 8}
    # "night" stands in a message about a shoulder; "Dry skin" is found by eczema; one sleep label says pain
    assert named["sleep words"]["conflicts"] == 2 and named["sleep words"]["accuracy"]["n"] == 4
    assert figures["model"]["accuracy"]["n"] == 9 and figures["model"]["accuracy"]["right"] == 8
    wrong = page.answers_of(made, page.WRONG)
    assert [answer.sample.external_id for answer in wrong] == ["sleep-1"]
    assert made.functions[0]["number"] == 1 and len(made.functions[0]["hash"]) == 64
    assert made.job is not None and made.job.message == "18 of 18 samples have a vote."


def test_nothing_of_it_is_a_label(project: Project, people: SimpleNamespace) -> None:
    made = programming.world(project, people.lead)
    before = [Revision.objects.count(), Review.objects.count(), Example.objects.count()]
    states = list(Sample.objects.order_by("pk").values_list("state", "revision"))
    n = services.labelling_run_suggest(run=made, method="model", least=0.0, suggested_by=people.lead)
    assert n == 9  # of 18, nine are decided
    assert [Revision.objects.count(), Review.objects.count(), Example.objects.count()] == before
    assert list(Sample.objects.order_by("pk").values_list("state", "revision")) == states
    assert asked.experts_of(project, "reason").keys() == set(
        Sample.objects.filter(state="accepted").values_list("pk", flat=True)
    )
    shown = suggestions_for(made.schema_version, "skin-5", "A rash after the new soap.")
    assert [(one.value, one.source) for one in shown] == [("skin", "labelling functions, run 1, Dawid and Skene")]
    assert suggestions_for(made.schema_version, "skin-0", "") == []
    again = services.labelling_run_suggest(run=made, method="majority", least=0.9, suggested_by=people.lead)
    assert again == LabelSuggestion.objects.count() == 8  # the shoulder at night has a tie
    services.labelling_run_unsuggest(run=made, taken_by=people.lead)
    assert not LabelSuggestion.objects.exists() and made.suggested == {}


def test_what_was_suggested_by_others_stays_and_is_no_source_of_its_own(
    project: Project, people: SimpleNamespace
) -> None:
    made = programming.world(project, people.lead)
    theirs = {"schema": made.schema_version.schema, "field": "reason", "value": "pain", "score": 0.9}
    LabelSuggestion.objects.create(**theirs, sample_key="pain-5", source="model 3")
    services.labelling_run_suggest(run=made, method="model", least=0.0, suggested_by=people.lead)
    services.labelling_run_unsuggest(run=made, taken_by=people.lead)
    assert [one.source for one in LabelSuggestion.objects.all()] == ["model 3"]
    services.labelling_run_suggest(run=made, method="model", least=0.0, suggested_by=people.lead)
    assert asked.sources_of(project, programming.field(project)) == [("model 3", "model 3")]
    programming.function(project, people.lead, "model", "pain", kind="score", source="model 3", at_least=0.85)
    again = programming.ran(project, people.lead)
    assert list(LabellingVote.objects.filter(run=again, place=3).values_list("sample__external_id", flat=True)) == [
        "pain-5"
    ]


def test_texts_that_changed_since_get_no_suggestion(project: Project, people: SimpleNamespace) -> None:
    made = programming.world(project, people.lead)
    changed = Sample.objects.get(external_id="skin-5")
    changed.revision = factories.revision(changed, prompt="I cannot sleep.", completion="")
    changed.save()
    assert services.labelling_run_suggest(run=made, method="model", least=0.0, suggested_by=people.lead) == 8


def test_functions_see_no_completion_no_rejected_and_nothing_held_out(
    project: Project, people: SimpleNamespace
) -> None:
    programming.schema(project)
    factories.sample(project, prompt="Hello.", completion="hurts", external_id="plain")
    factories.sample(project, prompt="It hurts.", state="rejected")
    factories.sample(project, prompt="It hurts.", split="heldout")
    programming.function(project, people.lead, "pain words", "pain")
    made = programming.ran(project, people.lead)
    assert (made.n, made.figures["covered"]) == (1, 0)


def test_a_change_makes_a_version_and_figures_stay_with_the_one_they_are_of(
    project: Project, people: SimpleNamespace
) -> None:
    made = programming.world(project, people.lead)
    function = LabellingFunctionVersion.objects.get(target="skin").function
    of = programming.field(project)
    same = {"project": project, "field": of, "function": function, "name": "skin words", "target": "skin"}
    words = Condition(kind="keyword", text="rash, eczema")
    assert services.labelling_function_save(**same, condition=words, saved_by=people.lead).number == 1
    wider = Condition(kind="keyword", text="rash, eczema, soap")
    assert services.labelling_function_save(**same, condition=wider, saved_by=people.lead).number == 2
    rows = {row.name: row for row in page.function_rows(project, of, made)}
    assert rows["skin words"].place is None and rows["skin words"].version == 2
    assert rows["pain words"].coverage == pytest.approx(6 / 18)
    assert list(AuditEvent.objects.filter(action="labelling_function.save").values_list("data__number", flat=True)) == [
        1, 1, 1, 2,
    ]  # fmt: skip


def test_rules_of_the_schema_and_files_take_part(
    project: Project, people: SimpleNamespace, settings: Any, tmp_path: Path
) -> None:
    version = programming.schema(project)
    programming.fill(project, 2)
    rules_save(schema=version.schema, lines="reason, skin: rash\nreason, pain ~ h[aeiu]rts", saved_by=people.lead)
    (tmp_path / "letters").mkdir()
    text = "def label(prompt, metadata):\n    return 'sleep' if metadata['age'] == 20 and 'sleep' in prompt else None\n"
    (tmp_path / "letters" / "tired.py").write_text(text, encoding="utf-8")
    settings.LABEL_FUNCTIONS_DIR = tmp_path
    made = programming.ran(project, people.lead)
    assert [(one["name"], one["origin"]) for one in made.functions] == [
        ("reason, skin: rash", "schema"), ("reason, pain ~ h[aeiu]rts", "schema"), ("tired", "file"),
    ]  # fmt: skip
    assert [one["fires"] for one in made.figures["functions"]] == [1, 1, 1]
    assert [row.origin for row in page.function_rows(project, programming.field(project), made)] == [
        "schema", "schema", "file",
    ]  # fmt: skip


def test_functions_that_fail_are_stopped_by_name_and_the_others_go_on(
    project: Project, people: SimpleNamespace, settings: Any, tmp_path: Path
) -> None:
    programming.schema(project)
    programming.fill(project, 2)
    factories.sample(project, prompt="a" * 60 + "!", external_id="bad")
    programming.functions(project, people.lead)
    programming.function(project, people.lead, "Runs away", "pain", **RUNAWAY)
    gone = programming.function(project, people.lead, "Gone", "pain")
    version = gone.versions.get()
    LabellingFunctionVersion(
        function=gone, number=2, target="fever", condition=version.condition, content_hash="x"
    ).save()
    (tmp_path / "letters").mkdir()
    for name, body in (("wrong", "return 'fever'"), ("dies", "import os; os._exit(1)")):
        text = f"def label(prompt, metadata):\n    {body}\n"
        (tmp_path / "letters" / f"{name}.py").write_text(text, encoding="utf-8")
    settings.LABEL_FUNCTIONS_DIR = tmp_path
    made = programming.ran(project, people.lead)
    said = " ".join(page.stopped_all(made))
    for part in (
        "“Runs away” took longer than 0.25 seconds on sample bad", "“Gone” votes for “fever”",
        "“wrong” answered “fever” for sample pain-0", "“dies” failed at sample pain-0",
    ):  # fmt: skip
        assert part in said
    assert made.figures["covered"] == 6 and len(made.stopped) == 4
    assert not LabellingVote.objects.filter(run=made, place__gte=3).exists()
    assert [name for name, _cells in page.matrix(made)] == ["pain words", "skin words", "sleep words"]


def test_a_killed_run_goes_on_where_it_was(
    project: Project, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    programming.schema(project)
    programming.fill(project)
    programming.functions(project, people.lead)
    monkeypatch.setattr(run, "BATCH", 5)
    asked_run = programming.requested(project, people.lead)
    calls: list[int] = []
    real = run.Asking.votes_of

    def dying(self: run.Asking, sample: Sample, material: Any) -> Any:
        calls.append(sample.pk)
        if len(calls) == 12:
            raise RuntimeError("killed")
        return real(self, sample, material)

    monkeypatch.setattr(run.Asking, "votes_of", dying)
    half = programming.finished(asked_run, Job.State.ERRORED)
    assert LabellingAnswer.objects.filter(run=half).count() == 10 and half.made_at is None
    assert half.job is not None and jobs.retry(job=half.job)
    made = programming.finished(half)
    assert made.n == 18 and made.figures["covered"] == 18
    assert len(calls) == 12 + 8 and LabellingAnswer.objects.filter(run=made).count() == 18
    figures, votes = made.figures, LabellingVote.objects.count()
    jobs.execute(made.job_id or 0)
    assert LabellingRun.objects.get().figures == figures and LabellingVote.objects.count() == votes


def test_a_cancelled_run_says_nothing(project: Project, people: SimpleNamespace) -> None:
    programming.schema(project)
    programming.fill(project)
    programming.functions(project, people.lead)
    asked_run = programming.requested(project, people.lead)
    services.labelling_run_cancel(run=asked_run, cancelled_by=people.lead)
    assert LabellingRun.objects.select_related("job").get().job.state == Job.State.CANCELLED  # type: ignore[union-attr]
    asked_run.refresh_from_db()
    with pytest.raises(ApplicationError, match="has ended"):
        services.labelling_run_cancel(run=asked_run, cancelled_by=people.lead)
    with pytest.raises(ApplicationError, match="no answers"):
        services.labelling_run_suggest(run=asked_run, method="model", least=0.5, suggested_by=people.lead)


def test_only_the_last_runs_keep_their_votes(
    project: Project, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "KEPT", 1)
    first = programming.world(project, people.lead)
    second = programming.ran(project, people.lead)
    first.refresh_from_db()
    assert not first.has_votes and first.figures["covered"] == 18
    assert set(LabellingVote.objects.values_list("run", flat=True)) == {second.pk}


def test_the_learned_model_can_be_asked(project: Project, people: SimpleNamespace) -> None:
    programming.schema(project)
    samples = programming.fill(project, 2)
    model = LearnedModel.objects.create(
        project=project, number=1, target="reason", classes=["pain", "skin"], made_at="2026-01-01T00:00Z"
    )
    LearnedScore.objects.create(
        sample=samples["pain"][0], model=model, probabilities=[0.9, 0.1], least_confident=0.1, margin=0.8, entropy=0.4
    )
    assert asked.sources_of(project, programming.field(project)) == [("learned", "")]
    programming.function(project, people.lead, "Learned", "pain", kind="score", source="learned", at_least=0.9)
    programming.ran(project, people.lead)
    assert [vote.sample.external_id for vote in LabellingVote.objects.select_related("sample")] == ["pain-0"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"target": "fever"}, "is no class of “Reason”"),
        ({"condition": Condition(kind="pattern", text="(")}, "no pattern"),
        ({"name": "pain words", "function": None}, "already has a labelling function named"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    project: Project, people: SimpleNamespace, values: dict[str, Any], says: str
) -> None:
    programming.schema(project)
    programming.functions(project, people.lead)
    given = {"name": "New", "target": "pain", "condition": Condition(kind="keyword", text="ache")} | values
    with pytest.raises(ApplicationError, match=says):
        services.labelling_function_save(
            project=project, field=programming.field(project), saved_by=people.lead, **given
        )
    assert LabellingFunctionVersion.objects.count() == 3


def test_there_is_nothing_to_run(project: Project, people: SimpleNamespace) -> None:
    programming.schema(project)
    with pytest.raises(ApplicationError, match="no samples"):
        programming.requested(project, people.lead)
    programming.fill(project, 1)
    with pytest.raises(ApplicationError, match="no function that is on"):
        programming.requested(project, people.lead)
    one = programming.function(project, people.lead, "pain words", "pain")
    services.labelling_function_switch(function=one, is_on=False, switched_by=people.lead)
    with pytest.raises(ApplicationError, match="no function that is on"):
        programming.requested(project, people.lead)
    services.labelling_function_switch(function=one, is_on=True, switched_by=people.lead)
    programming.requested(project, people.lead)
    with pytest.raises(ApplicationError, match="already waiting"):
        programming.requested(project, people.lead)
