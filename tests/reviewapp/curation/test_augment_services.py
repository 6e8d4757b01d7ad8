"""Synthetic samples as a lead makes them: asked for, written, looked at, made, judged, limited, withdrawn."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviewapp.audit.models import AuditEvent, RecordView
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.augmenting import run
from reviewapp.curation.augmenting.page import Decided, pieces_of
from reviewapp.curation.augmenting.reading import decided_of, most_synthetic
from reviewapp.curation.models import Augmentation, Finding, SyntheticText
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Revision, Sample, SampleTag
from reviewapp.trainingsets import services as trainingsets
from reviewapp.trainingsets.models import TrainingSetVersion
from reviewapp.trainingsets.synthetic import out_of
from tests import factories
from tests.reviewapp.curation.augmenting import asked, fill, written
from tests.reviewapp.trainingsets import builders

Clients = Callable[[Any], Client]
STATES = Sample.State


def url(name: str, *args: object) -> str:
    return reverse(f"curation:{name}", args=["letters", *args])


def body(response: Any) -> str:
    return " ".join(response.content.decode().split())


def applied(project: Project, lead: Any, kind: str = "noise", **values: Any) -> Augmentation:
    row = written(asked(project, lead, kind, **values))
    return services.augmentation_apply(augmentation=row, applied_by=lead)


# ---- the preview


def test_a_preview_makes_no_sample_and_is_the_same_again(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    first, second = (written(asked(project, people.lead, variants=2)) for _ in range(2))
    assert Sample.objects.count() == 6 and first.plan["asked"] == 12 and first.plan["n"] > 8
    assert first.recipe_hash == second.recipe_hash
    texts = [list(row.texts.values_list("parent", "variant", "prompt")) for row in (first, second)]
    assert texts[0] == texts[1]
    other = written(asked(project, people.lead, variants=2, seed=8))
    assert list(other.texts.values_list("parent", "variant", "prompt")) != texts[0]
    for text in first.texts.filter(outcome="kept").select_related("parent_revision"):
        assert text.completion == text.parent_revision.completion and text.prompt != text.parent_revision.prompt
        assert 0.3 < (text.similarity or 0) < 1
    assert first.plan["near_others"] >= 0 and first.plan["variety_after"] <= 1


def test_templates_reword_and_the_rest_says_why_not(project: Project, people: SimpleNamespace) -> None:
    fill(project, 4)
    factories.sample(project, prompt="No such phrase is here.", completion="None.", state=STATES.ACCEPTED)
    row = written(asked(project, people.lead, "templates"))
    assert row.plan["dropped"] == {"unchanged": 1} and row.plan["n"] == 4


def test_the_same_key_gives_the_same_row(project: Project, people: SimpleNamespace) -> None:
    fill(project, 2)
    first = asked(project, people.lead)
    again = services.augmentation_request(
        project=project,
        kind="noise",
        values={},
        requested_by=people.lead,
        idempotency_key=first.idempotency_key,
    )
    assert again.pk == first.pk and Augmentation.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        ("noise", {"rates": {}}, "a rate above 0"),
        ("noise", {"rates": {"typos": 900}}, "0 to 200"),
        ("noise", {"most": 2_000, "variants": 2}, "2,000 texts at most"),
        ("noise", {"variants": 9}, "2,000 texts at most"),
        ("templates", {"templates": "  \n"}, "at least one template"),
        ("templates", {"templates": "a => b\nnothing"}, "Line 2 is no template"),
        ("poem", {}, "how the texts are made"),
    ],
)
def test_a_recipe_that_cannot_be_used(
    project: Project, people: SimpleNamespace, kind: str, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ApplicationError, match=sentence):
        asked(project, people.lead, kind, **values)
    assert not Job.objects.exists()


def test_who_is_no_parent_is_counted(project: Project, people: SimpleNamespace) -> None:
    accepted = fill(project, 8)
    HeldoutPrompt.objects.create(
        heldout_set=factories.heldout_set(project, prompts=0, sealed=False),
        external_id="h", group=accepted[0].group, prompt="Well?", reference="Well.", facts=[],
        row_hash=factories.sha("h"),
    )  # fmt: skip
    fill(project, 1, STATES.READY, start=20)
    fill(project, 1, STATES.REJECTED, start=30)
    factories.finding(accepted[2])
    labelled = factories.revision(accepted[3], prompt="p", completion="c", labels={"age": 3})
    Sample.objects.filter(pk=accepted[3].pk).update(revision=labelled)
    Sample.objects.filter(pk=accepted[4].pk).update(origin=Sample.Origin.COPY)
    fill(project, 1, STATES.ACCEPTED, start=40)
    Sample.objects.filter(external_id="v40").update(state=STATES.REJECTED, withdrawn_at=factories.long_ago())
    row = written(asked(project, people.lead, most=2))
    assert row.left == {
        "held_out": 2, "waiting": 1, "rejected": 1, "findings": 1, "labelled": 1, "synthetic": 1, "withdrawn": 1,
        "number": 1,
    }  # fmt: skip
    assert row.texts.count() == 2
    assert written(asked(project, people.lead, of="all")).texts.count() == 4


def test_what_exists_or_is_held_out_is_dropped(project: Project, people: SimpleNamespace) -> None:
    fill(project, 2)
    first = written(asked(project, people.lead))
    taken, near = first.texts.filter(outcome="kept")[:2]
    factories.sample(project, prompt=taken.prompt, completion=taken.completion, state=STATES.READY)
    HeldoutPrompt.objects.create(
        heldout_set=factories.heldout_set(project, prompts=0, sealed=False),
        external_id="h", group=factories.group(project, "held"), prompt=near.prompt, reference="Well.", facts=[],
        row_hash=factories.sha("h"),
    )  # fmt: skip
    again = written(asked(project, people.lead))
    assert again.plan["dropped"]["heldout"] >= 1
    assert {text.outcome for text in again.texts.all()} <= {"duplicate", "heldout"}


def test_cancelled_and_resumed_it_ends_as_if_it_had_not_been(
    project: Project, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project)
    whole = written(asked(project, people.lead))
    row = asked(project, people.lead)
    assert row.job is not None
    monkeypatch.setattr(run, "_AT_ONCE", 2)
    check = run.texts_check

    def once(texts: Any, make: Any) -> None:
        check(texts, make)
        services.augmentation_cancel(augmentation=row, cancelled_by=people.lead)

    monkeypatch.setattr(run, "texts_check", once)
    jobs.execute(row.job.pk)
    row.job.refresh_from_db()
    assert row.job.state == Job.State.CANCELLED and row.texts.exclude(outcome="").count() == 2
    monkeypatch.setattr(run, "texts_check", check)
    services.augmentation_resume(augmentation=row, resumed_by=people.lead)
    written(row)
    assert list(row.texts.values_list("prompt", "outcome")) == list(whole.texts.values_list("prompt", "outcome"))
    with pytest.raises(ApplicationError, match="nothing to cancel"):
        services.augmentation_cancel(augmentation=Augmentation.objects.get(pk=row.pk), cancelled_by=people.lead)
    with pytest.raises(ApplicationError, match="cannot be resumed"):
        services.augmentation_resume(augmentation=row, resumed_by=people.lead)


# ---- making, judging, withdrawing


def test_what_is_made_is_marked_and_waits_for_experts(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = applied(project, people.lead)
    n = row.done["n"]
    assert n == row.plan["n"] and Sample.objects.count() == 6 + n
    for text in SyntheticText.objects.filter(sample__isnull=False).select_related("sample__revision", "parent"):
        sample, parent = text.sample, text.parent
        assert sample is not None and sample.revision is not None
        assert (sample.origin, sample.state, sample.group_id) == ("copy", STATES.IMPORTED, parent.group_id)
        assert sample.metadata["copy_of"] == parent.external_id and sample.metadata["recipe"] == row.recipe_hash
        assert sample.revision.reason == Revision.Reason.COPY and "seed 7" in sample.revision.actions[0]["detail"]
    assert SampleTag.objects.filter(name="synthetic").count() == n
    assert services.augmentation_apply(augmentation=row, applied_by=people.lead).done["n"] == n
    assert Sample.objects.count() == 6 + n
    assert AuditEvent.objects.filter(action="augmentation.apply").count() == 1
    version = builders.draft(project, people.engineer)
    assert trainingsets.version_freeze(version=version, frozen_by=people.engineer).examples.count() == 6


def test_a_scan_opens_them_and_their_parent_is_no_duplicate(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    applied(project, people.lead)
    scan = services.scan_request(project=project, requested_by=people.lead)
    assert scan.job is not None
    jobs.execute(scan.job.pk)
    assert set(Sample.objects.filter(origin="copy").values_list("state", flat=True)) == {STATES.READY}
    pairs = set(SyntheticText.objects.filter(sample__isnull=False).values_list("sample", "parent"))
    seen = set(Finding.objects.filter(check_name="near_duplicates").values_list("sample", "related_sample"))
    assert not seen & (pairs | {(parent, made) for made, parent in pairs})


def test_what_changed_since_is_left_alone(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    row = written(asked(project, people.lead))
    n = row.plan["n"]
    used = [text.parent_id for text in row.texts.filter(outcome="kept")]
    Sample.objects.filter(pk=used[0]).update(state=STATES.REJECTED)
    other = next(sample for sample in samples if sample.pk == used[1])
    Sample.objects.filter(pk=other.pk).update(revision=factories.revision(other, completion="x"))
    done = services.augmentation_apply(augmentation=row, applied_by=people.lead).done
    assert done == {"n": n - 2, "left": 2}


def test_nothing_is_made_of_nothing(project: Project, people: SimpleNamespace) -> None:
    row = asked(project, people.lead)
    with pytest.raises(ApplicationError, match="no preview"):
        services.augmentation_apply(augmentation=row, applied_by=people.lead)
    written(row)
    with pytest.raises(ApplicationError, match="No text was kept"):
        services.augmentation_apply(augmentation=row, applied_by=people.lead)
    with pytest.raises(ApplicationError, match="nothing to withdraw"):
        services.augmentation_withdraw(augmentation=row, withdrawn_by=people.lead)


def test_all_are_withdrawn_at_once(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = applied(project, people.lead)
    made = list(Sample.objects.filter(origin="copy"))
    Sample.objects.filter(pk=made[0].pk).update(state=STATES.READY)
    factories.assignment(Sample.objects.get(pk=made[0].pk), people.reviewer, factories.rubric_version(project))
    services.augmentation_withdraw(augmentation=row, withdrawn_by=people.lead)
    row.refresh_from_db()
    assert (row.state, row.undone) == ("withdrawn", {"n": len(made) - 1, "left": 1})
    assert Sample.objects.filter(withdrawn_reason="Augmentation 1 was withdrawn.").count() == len(made) - 1
    assert services.augmentation_withdraw(augmentation=row, withdrawn_by=people.lead).undone["left"] == 1


def test_how_reviewers_decided(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    row = applied(project, people.lead)
    first, second, third = Sample.objects.filter(origin="copy")[:3]
    Sample.objects.filter(pk__in=[first.pk, second.pk]).update(state=STATES.ACCEPTED)
    fixed = factories.revision(second, reason=Revision.Reason.FIX)
    Sample.objects.filter(pk=second.pk).update(revision=fixed)
    Sample.objects.filter(pk=third.pk).update(state=STATES.REJECTED)
    decided = Decided(decided_of([row])[row.pk])
    assert decided.counts == {"accepted": 2, "fixed": 1, "rejected": 1, "waiting": row.done["n"] - 3}
    assert decided.kept is not None and (decided.kept.n, decided.kept.total) == (2, 3)


# ---- the limit


def test_a_version_with_too_many_is_neither_frozen_nor_signed(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project, 8)
    made = builders.accepted(project, 4, start=8, origin="copy")
    version = builders.draft(project, people.engineer)
    with pytest.raises(ApplicationError, match=r"4 of 12 examples are synthetic \(33\.3%\).*Take 2 of them out"):
        trainingsets.version_freeze(version=version, frozen_by=people.engineer)
    services.synthetic_limit_set(project=project, most=40, set_by=people.lead)
    version = trainingsets.version_freeze(version=version, frozen_by=people.engineer)
    assert version.state == TrainingSetVersion.State.FROZEN and version.examples.count() == 8 + len(made)
    services.synthetic_limit_set(project=project, most=25, set_by=people.lead)
    with pytest.raises(ApplicationError, match="allows 25%"):
        trainingsets.version_sign(
            version=version, signed_by=people.lead, content_hash=version.content_hash, meaning="Read them all."
        )
    assert most_synthetic(project) == 25
    assert AuditEvent.objects.filter(action="augmentation.limit").count() == 2
    with pytest.raises(ApplicationError, match="0 to 100"):
        services.synthetic_limit_set(project=project, most=101, set_by=people.lead)


@pytest.mark.parametrize(("n", "total", "most", "out"), [(4, 12, 25, 2), (3, 3, 0, 3), (5, 10, 50, 0), (9, 9, 50, 9)])
def test_how_many_have_to_go(n: int, total: int, most: int, out: int) -> None:
    assert out_of(n, total, most) == out
    assert 100 * (n - out) <= most * (total - out)


# ---- the pages


def test_changes_are_marked() -> None:
    pieces = pieces_of("I have pain now", "I have sharp pain")
    assert "".join(piece.new for piece in pieces) == "I have sharp pain"
    assert [(piece.old, piece.new) for piece in pieces if not piece.is_same] == [("", "sharp "), (" now", "")]


def test_the_page_of_a_preview(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    fill(project)
    row = written(asked(project, people.lead))
    client = client_for(people.lead)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = body(client.get(url("augmentation_detail", 1)))
    assert len(queries) <= 30
    assert 'class="cs-ins"' in page and f"Make {row.plan['n']} samples" in page and "seed" in page.lower()
    assert RecordView.objects.filter(person=people.lead).exists()
    assert "There is no such text" not in page
    made = client.post(url("augmentation_apply", 1))
    assert made.status_code == 302
    sample = Sample.objects.filter(origin="copy").first()
    assert sample is not None
    chain = body(client.get(reverse("lineage:sample", args=["letters", sample.pk])))
    assert "Synthetic: made from" in chain and row.recipe_hash[:6] in chain
    text = SyntheticText.objects.get(sample=sample)
    assert "made from this one by augmentation 1" in body(
        client.get(reverse("lineage:sample", args=["letters", text.parent_id]))
    )
    assert client.post(url("augmentation_withdraw", 1)).status_code == 302
    assert "Withdrawn by" in body(client.get(url("augmentation_detail", 1)))


def test_the_list_asks_a_bounded_number_of_questions(
    project: Project, people: SimpleNamespace, client_for: Clients
) -> None:
    fill(project)
    client = client_for(people.lead)
    assert "Nothing was made yet" in body(client.get(url("augmentation_list")))
    for seed in range(4):
        applied(project, people.lead, most=2, seed=seed)
    Sample.objects.filter(origin="copy").update(state=STATES.ACCEPTED)
    with CaptureQueriesContext(connection) as queries:
        page = body(client.get(url("augmentation_list")))
    assert len(queries) <= 26
    assert "Is a recipe worth it?" in page and "95% interval" in page


def test_asking_through_the_form(project: Project, people: SimpleNamespace, client_for: Clients) -> None:
    fill(project)
    client, key = client_for(people.annotator), str(uuid.uuid4())
    for kind, words in (("noise", "Set, not estimated"), ("templates", "Proposed for this corpus")):
        assert words in body(client.get(url("augmentation_create", kind)))
    form = {"of": "accepted", "most": "4", "variants": "1", "seed": "3", "idempotency_key": key, "typos": "20"}
    for _ in range(2):
        assert client.post(url("augmentation_create", "noise"), form).url == url("augmentation_detail", 1)  # type: ignore[attr-defined]
    assert Augmentation.objects.count() == 1
    waiting = body(client.get(url("augmentation_detail", 1)))
    assert "Being written" in waiting and "Cancel" in waiting
    live = client.get(url("augmentation_live", 1), headers={"HX-Request": "true"})
    assert live.status_code == 200 and "job-panel" in body(live)
    assert client.post(url("augmentation_cancel", 1)).status_code == 302
    assert "Resume" in body(client.get(url("augmentation_detail", 1)))
    assert client.post(url("augmentation_resume", 1)).status_code == 302
    written(Augmentation.objects.get())
    again = body(client.get(url("augmentation_create", "noise") + "?again=1"))
    assert 'value="4"' in again and 'name="typos" value="20' in again
    assert client.get(url("augmentation_create", "poem")).status_code == 404
    assert client.get(url("augmentation_create", "noise") + "?again=7").status_code == 404


def test_what_was_filled_in_stays_when_it_is_refused(
    project: Project, people: SimpleNamespace, client_for: Clients
) -> None:
    client = client_for(people.lead)
    form = {"of": "all", "most": "4", "variants": "1", "seed": "3", "idempotency_key": str(uuid.uuid4())}
    refused = client.post(url("augmentation_create", "templates"), {**form, "templates": "what I wrote"})
    assert refused.status_code == 422
    assert "Line 1 is no template" in body(refused) and "what I wrote" in body(refused)
    assert client.post(url("augmentation_create", "noise"), {**form, "most": "0"}).status_code == 422
    assert client.post(url("synthetic_limit"), {"most": "900"}).status_code == 422
    assert client.post(url("synthetic_limit"), {"most": "30"}).status_code == 302
    assert most_synthetic(project) == 30
    for name in ("augmentation_apply", "augmentation_withdraw", "augmentation_cancel", "augmentation_resume"):
        row = Augmentation.objects.first() or asked(project, people.lead)
        assert row.job is not None
        Job.objects.filter(pk=row.job.pk).update(state=Job.State.SUCCEEDED)
        assert client.post(url(name, row.number)).status_code == 422


def test_without_a_model_the_page_says_what_to_do(
    project: Project, people: SimpleNamespace, client_for: Clients
) -> None:
    page = body(client_for(people.lead).get(reverse("runs:rewriting_create", args=["letters"])))
    assert "No model is set up in this project" in page and "Register a model" in page
