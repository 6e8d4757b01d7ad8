from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.feedback import services
from reviewapp.feedback.models import FeedbackItem
from reviewapp.feedback.services import Remark
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories

PROMPT = "Doctor: How old are you?\nPatient: I am 61."


def _record(project: Project, key: uuid.UUID | None = None, **values: str) -> tuple[FeedbackItem, bool]:
    values.setdefault("prompt", PROMPT)
    values.setdefault("correction", "61-year-old.")
    return services.feedback_record(project=project, content=Remark(**values), idempotency_key=key or uuid.uuid4())


def test_the_same_key_twice_is_one_item(project: Project) -> None:
    key = uuid.uuid4()

    first, is_new = _record(project, key)
    second, is_new_again = _record(project, key, correction="something else")

    assert (is_new, is_new_again) == (True, False)
    assert first == second
    assert AuditEvent.objects.filter(action="feedback.record").count() == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"prompt": "  "}, "needs the prompt"),
        ({"correction": " ", "remark": ""}, "a correction, a remark"),
        ({"answer": "x" * 200_001}, "200,001 characters"),
        ({"model_version": "99"}, "no model version 99"),
        ({"model_version": "latest"}, "no model version latest"),
    ],
)
def test_bad_feedback_is_refused_with_what_to_do(project: Project, values: dict[str, str], sentence: str) -> None:
    with pytest.raises(ApplicationError, match=sentence):
        _record(project, **values)
    assert not FeedbackItem.objects.exists()


def test_a_promoted_correction_is_a_sample_like_any_other(project: Project, people: SimpleNamespace) -> None:
    item, _ = _record(project, group_key="patient 9")

    sample = services.feedback_promote(item=item, promoted_by=people.reviewer)

    item.refresh_from_db()
    assert (item.state, item.promoted_sample, item.decided_by) == ("promoted", sample, people.reviewer)
    assert (sample.state, sample.origin, sample.split) == ("imported", "feedback", "")
    assert sample.group.key == "patient 9"
    assert sample.revision is not None
    assert (sample.revision.prompt, sample.revision.completion) == (PROMPT, "61-year-old.")


def _output(project: Project) -> factories.Output:
    base = factories.base_model(project)
    model = factories.model_version(project, base)
    generation = factories.generation_run(project, factories.heldout_set(project), model, model)
    output = generation.outputs.filter(arm="candidate").first()
    assert output is not None
    return output


def test_a_correction_of_a_held_out_answer_stays_held_out(project: Project, people: SimpleNamespace) -> None:
    output = _output(project)
    item = services.feedback_on_output(
        project=project, output=output, correction="better", remark="", author=people.reviewer,
        idempotency_key=uuid.uuid4(),
    )  # fmt: skip

    sample = services.feedback_promote(item=item, promoted_by=people.lead)

    assert sample.split == Sample.Split.HELDOUT
    assert sample.group == output.heldout_prompt.group


def test_feedback_in_a_held_out_group_is_held_out_too(project: Project, people: SimpleNamespace) -> None:
    held = factories.heldout_set(project, prompts=1).prompts.get()
    item, _ = _record(project, group_key=held.group.key)

    assert services.feedback_promote(item=item, promoted_by=people.lead).split == Sample.Split.HELDOUT


def test_promoting_twice_makes_one_sample(project: Project, people: SimpleNamespace) -> None:
    item, _ = _record(project)
    services.feedback_promote(item=item, promoted_by=people.lead)

    with pytest.raises(ApplicationError, match="already promoted"):
        services.feedback_promote(item=item, promoted_by=people.lead)
    assert Sample.objects.count() == 1


def test_a_remark_needs_a_correction_before_it_is_promoted(project: Project, people: SimpleNamespace) -> None:
    item, _ = _record(project, correction="", remark="The age is wrong.")
    with pytest.raises(ApplicationError, match="Write one first"):
        services.feedback_promote(item=item, promoted_by=people.lead)

    services.feedback_correct(item=item, correction="61-year-old.", corrected_by=people.reviewer)

    assert services.feedback_promote(item=item, promoted_by=people.lead).revision is not None


def test_text_that_is_here_already_is_refused_and_nothing_half_done(project: Project, people: SimpleNamespace) -> None:
    first, _ = _record(project)
    second, _ = _record(project)
    services.feedback_promote(item=first, promoted_by=people.lead)

    with pytest.raises(ApplicationError, match="already here as sample"):
        services.feedback_promote(item=second, promoted_by=people.lead)
    second.refresh_from_db()
    assert second.state == "new"


def test_dismissing_asks_for_a_reason(project: Project, people: SimpleNamespace) -> None:
    item, _ = _record(project)
    with pytest.raises(ApplicationError, match="Say why"):
        services.feedback_dismiss(item=item, reason=" ", dismissed_by=people.lead)

    services.feedback_dismiss(item=item, reason="Not our text.", dismissed_by=people.lead)

    item.refresh_from_db()
    assert (item.state, item.decision_reason) == ("dismissed", "Not our text.")


def test_a_token_is_kept_as_a_hash_only(project: Project, people: SimpleNamespace) -> None:
    token, secret = services.token_create(project=project, label="Portal", created_by=people.lead)

    assert secret not in token.token_hash
    assert len(secret) >= 40
