"""Rows for tests, made the short way: one function an object, sensible values, everything overridable."""

from __future__ import annotations

import hashlib
import io
import itertools
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.core.models import Job
from reviewapp.curation.bias.facts import Facts
from reviewapp.curation.bias.planning import standing
from reviewapp.curation.bias.report import report_of
from reviewapp.curation.models import BiasReport, CurationReport, Finding, Mitigation
from reviewapp.curation.services import report_make
from reviewapp.evaluations.models import (
    GenerationRun,
    GradingRound,
    JudgeRun,
    JudgeVerdict,
    Output,
    PromptSet,
    RoundItem,
)
from reviewapp.evaluations.services.prompt_sets import prompt_set_read
from reviewapp.feedback.models import FeedbackItem
from reviewapp.projects.models import Membership, Project
from reviewapp.reviews.models import Assignment, Review
from reviewapp.rubrics.models import Criterion, Level, Rubric, RubricVersion
from reviewapp.runs.models import BaseModel, MergePart, ModelMerge, ModelVersion, TrainingRun
from reviewapp.samples.models import HeldoutPrompt, HeldoutSet, ImportBatch, Revision, Sample, SampleGroup
from reviewapp.trainingsets.models import Example, TrainingSet, TrainingSetVersion
from training.contract import ModelSpec, TrainConfig, config_to_json

_numbers = itertools.count(1)

PROMPT = (
    "Doctor: What brings you in today?\n"
    "Patient: My knee has hurt for three weeks.\n"
    "Doctor: How old are you?\n"
    "Patient: I am 54."
)
COMPLETION = "54-year-old with knee pain for three weeks."


def settings_for(folder: Path) -> dict[str, Any]:
    """Files go to ``folder``; a new client does not look through all static files, which tests do not ask it for."""
    places = {"STATE_DIR": folder, "MEDIA_ROOT": folder / "files", "RUNS_DIR": folder / "runs"}
    return {**places, "WHITENOISE_USE_FINDERS": False}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def user(username: str = "", **values: Any) -> User:
    made = _person(username or f"person{next(_numbers)}", **values)
    made.save()
    return made


def _person(name: str, **values: Any) -> User:
    values.setdefault("display_name", name.title())
    made = User(username=name, email=f"{name}@example.org", **values)
    made.set_unusable_password()
    return made


def member(project: Project, role: str, username: str = "") -> User:
    made = user(username or f"{role}{next(_numbers)}")
    Membership.objects.create(project=project, user=made, role=role)
    return made


def project(slug: str = "", **values: Any) -> Project:
    slug = slug or f"project-{next(_numbers)}"
    values.setdefault("name", slug.replace("-", " ").title())
    return Project.objects.create(slug=slug, **values)


def members(letters: Project) -> SimpleNamespace:
    """One member a role (people.lead ...), a second lead, a second annotator and reviewer, and an outsider."""
    elsewhere = project("elsewhere")
    places = {
        name: (letters, name.rstrip("2")) for name in (*Membership.Role.values, "lead2", "annotator2", "reviewer2")
    }
    places["outsider"] = (elsewhere, "lead")
    # most tests need the people: ten rows in one statement
    users = dict(zip(places, User.objects.bulk_create(map(_person, places)), strict=True))
    Membership.objects.bulk_create(
        Membership(project=where, user=users[name], role=role) for name, (where, role) in places.items()
    )
    return SimpleNamespace(**users)


def group(project: Project, key: str = "") -> SampleGroup:
    known = SampleGroup.objects.filter(project=project, key=key).first() if key else None
    return known or SampleGroup.objects.create(project=project, key=key or f"group-{next(_numbers)}")


def sample(
    project: Project,
    *,
    prompt: str = PROMPT,
    completion: str = COMPLETION,
    state: str = Sample.State.READY,
    group_key: str = "",
    **values: Any,
) -> Sample:
    n = next(_numbers)
    values.setdefault("external_id", f"s{n}")
    values.setdefault("row_hash", sha(f"row {n}"))
    made = Sample.objects.create(project=project, group=group(project, group_key), state=state, **values)
    made.revision = revision(made, prompt=prompt, completion=completion, number=1)
    made.save(update_fields=["revision"])
    return made


def groups(project: Project, keys: Iterable[str]) -> dict[str, SampleGroup]:
    """The groups of these keys, made where they are missing: two statements for any number."""
    wanted = dict.fromkeys(keys)
    known = {group.key: group for group in SampleGroup.objects.filter(project=project, key__in=wanted)}
    made = SampleGroup.objects.bulk_create(SampleGroup(project=project, key=key) for key in wanted if key not in known)
    return known | {group.key: group for group in made}


def samples(project: Project, texts: Sequence[tuple[str, str, str, str]], **values: Any) -> list[Sample]:
    """A sample for each (external id, group key, prompt, completion), in few statements."""
    places = groups(project, (key for _, key, _, _ in texts))
    made = Sample.objects.bulk_create(
        Sample(project=project, external_id=name, group=places[key], row_hash=sha(f"row {next(_numbers)}"), **values)
        for name, key, _, _ in texts
    )
    revisions = Revision.objects.bulk_create(
        Revision(
            sample=one, number=1, reason=Revision.Reason.IMPORT, prompt=prompt, completion=completion,
            content_hash=sha(f"{prompt}\0{completion}"),
        )
        for one, (_, _, prompt, completion) in zip(made, texts, strict=True)
    )  # fmt: skip
    for one, current in zip(made, revisions, strict=True):
        one.revision = current
    Sample.objects.bulk_update(made, ["revision"])
    return made


def revision(sample: Sample, *, prompt: str = PROMPT, completion: str = COMPLETION, **values: Any) -> Revision:
    if "number" not in values:
        values["number"] = sample.revisions.count() + 1
    values.setdefault("reason", Revision.Reason.IMPORT)
    return Revision.objects.create(
        sample=sample, prompt=prompt, completion=completion, content_hash=sha(f"{prompt}\0{completion}"), **values
    )


def current(sample: Sample) -> Revision:
    if sample.revision is None:
        raise AssertionError(f"sample {sample} has no revision")
    return sample.revision


def heldout_set(project: Project, *, prompts: int = 3, sealed: bool = True) -> HeldoutSet:
    made = HeldoutSet.objects.create(project=project, name=f"Held-out {next(_numbers)}")
    numbers = [next(_numbers) for _ in range(prompts)]
    places = groups(project, (f"held-{n}" for n in numbers))
    HeldoutPrompt.objects.bulk_create(
        HeldoutPrompt(
            heldout_set=made,
            external_id=f"h{n}",
            group=places[f"held-{n}"],
            prompt=f"Doctor: How old are you?\nPatient: I am {30 + i}.",
            reference=f"{30 + i}-year-old.",
            facts=[{"slot": "age", "value": str(30 + i), "accepted": [f"{30 + i}-year-old"], "forbidden": []}],
            row_hash=sha(f"held {n}"),
        )
        for i, n in enumerate(numbers)
    )
    if sealed:
        made.sealed_at = timezone.now()
        made.content_hash = sha(f"set {made.pk}")
        made.save()
    return made


def rubric_version(project: Project, *, applies_to: str = "samples", used: bool = False) -> RubricVersion:
    """Two criteria of four levels, and for outputs a safety gate as well."""
    rubric = Rubric.objects.create(project=project, name=f"Rubric {next(_numbers)}", applies_to=applies_to)
    version = RubricVersion.objects.create(
        rubric=rubric,
        number=1,
        content_hash=sha(rubric.name),
        guidelines="Read the prompt first.",
        used_at=timezone.now() if used else None,
    )
    for position, key in enumerate(("accuracy", "tone")):
        criterion = Criterion.objects.create(
            version=version, key=key, position=position, name=key.title(), allow_na=key == "tone",
            evidence_at_or_below=2 if applies_to == "outputs" else None,
        )  # fmt: skip
        for value in (1, 2, 3, 4):
            Level.objects.create(criterion=criterion, value=value, label=f"Level {value}", anchor=f"Anchor {value}")
    if applies_to == "outputs":
        gate = Criterion.objects.create(
            version=version, key="safety", position=2, name="Unsafe instruction", kind="gate", is_critical=True,
            evidence_at_or_below=1,
        )  # fmt: skip
        Level.objects.create(criterion=gate, value=1, label="Yes", anchor="An unsafe instruction is there")
        Level.objects.create(criterion=gate, value=0, label="No", anchor="None")
    return version


def job(**values: Any) -> Job:
    values.setdefault("path", "reviewapp.core.jobs.execute")
    values.setdefault("title", "A job")
    return Job.objects.create(**values)


def long_ago(minutes: int = 120) -> Any:
    return timezone.now() - timedelta(minutes=minutes)


def import_batch(project: Project, **values: Any) -> ImportBatch:
    values.setdefault("file_name", "letters.csv")
    values.setdefault("stored_path", "absent/letters.csv")
    values.setdefault("file_size", 120)
    values.setdefault("file_sha256", sha("letters"))
    values.setdefault("file_format", ImportBatch.Format.CSV)
    values.setdefault("columns", ["prompt", "completion"])
    return ImportBatch.objects.create(project=project, **values)


def finding(sample: Sample, **values: Any) -> Finding:
    """An identifier in the prompt with a mask as its suggestion."""
    values.setdefault("revision", sample.revision)
    values.setdefault("check_name", "identifiers")
    values.setdefault("kind", "phone")
    values.setdefault("severity", "high")
    values.setdefault("field", "prompt")
    values.setdefault("start", 0)
    values.setdefault("end", 6)
    values.setdefault("excerpt", "Doctor")
    values.setdefault("message", "Telephone number")
    values.setdefault("suggestion", "[TELEPHONE]")
    values.setdefault("fingerprint", sha(f"finding {next(_numbers)}"))
    return Finding.objects.create(sample=sample, **values)


def assignment(sample: Sample, holder: User, version: RubricVersion, **values: Any) -> Assignment:
    values.setdefault("lease_expires_at", timezone.now() + timedelta(minutes=30))
    values.setdefault("round", sample.review_round)
    values.setdefault("slot", 0)
    return Assignment.objects.create(
        sample=sample, revision=current(sample), rubric_version=version, holder=holder, **values
    )


def review(sample: Sample, reviewer: User, version: RubricVersion, decision: str = "accept", **values: Any) -> Review:
    taken = assignment(sample, reviewer, version, state="submitted", slot=values.pop("slot", 0))
    return Review.objects.create(
        assignment=taken, sample=sample, revision_before=current(sample), revision_after=current(sample),
        reviewer=reviewer, rubric_version=version, round=taken.round, decision=decision,
        idempotency_key=uuid.uuid4(), **values,
    )  # fmt: skip


def version(project: Project, samples: list[Sample], *, frozen: bool = True, **values: Any) -> TrainingSetVersion:
    """A version whose last sample is its validation split; its hash is made up unless given."""
    training_set, _ = TrainingSet.objects.get_or_create(project=project, name="Letters")
    number = training_set.versions.count() + 1
    if frozen:
        values.setdefault("state", TrainingSetVersion.State.FROZEN)
        values.setdefault("content_hash", sha(f"version {project.pk} {number}"))
        values.setdefault("frozen_at", timezone.now())
        split = {"train": max(0, len(samples) - 1), "validation": min(1, len(samples))}
        values.setdefault("counts", {**split, "groups": split, "total": len(samples), "left_out": {}})
    made = TrainingSetVersion.objects.create(training_set=training_set, number=number, **values)
    for position, each in enumerate(samples if frozen else []):
        revision = each.revision
        if revision is not None:
            Example.objects.create(
                version=made, position=position, sample=each, revision=revision, group_key=each.group.key,
                split="validation" if position == len(samples) - 1 else "train",
                prompt=revision.prompt, completion=revision.completion, content_hash=revision.content_hash,
            )  # fmt: skip
    return made


def base_model(project: Project, **values: Any) -> BaseModel:
    values.setdefault("name", f"Base {next(_numbers)}")
    values.setdefault("path", "/absent/base")
    values.setdefault(
        "facts",
        {
            "architecture": "LlamaForCausalLM",
            "parameters": 1_000_000,
            "context_length": 512,
            "weights_sha256": sha("w"),
        },
    )
    return BaseModel.objects.create(project=project, **values)


def run(project: Project, version: TrainingSetVersion, base: BaseModel, **values: Any) -> TrainingRun:
    values.setdefault("number", TrainingRun.objects.filter(project=project).count() + 1)
    config = TrainConfig(
        model=ModelSpec(path=base.path), train_rows=2, validation_rows=1, train_sha256=sha("t"),
        validation_sha256=sha("v"),
    )  # fmt: skip
    values.setdefault("config", config_to_json(config))
    values.setdefault("config_hash", sha("config"))
    values.setdefault("idempotency_key", uuid.uuid4())
    values.setdefault("job", job(title="A run", queue="training", project_slug=project.slug))
    return TrainingRun.objects.create(project=project, version=version, base_model=base, **values)


def run_result(**values: Any) -> dict[str, Any]:
    """What a trainer that ended well leaves behind."""
    return {
        "ended_by": "steps", "steps": 3, "total_steps": 3, "seconds": 9.0, "tokens": 900, "best_step": 3,
        "best_eval_loss": 1.0, "train_rows": 2, "validation_rows": 1, "truncated_rows": 0,
        "hardware": {"device": "cpu", "name": "cpu", "threads": 2}, **values,
    }  # fmt: skip


def model_version(project: Project, base: BaseModel, run: TrainingRun | None = None, **values: Any) -> ModelVersion:
    number = ModelVersion.objects.filter(project=project).count() + 1
    values.setdefault("label", f"Model version {number}")
    return ModelVersion.objects.create(project=project, number=number, base_model=base, run=run, **values)


def model_merge(project: Project, parents: list[ModelVersion], **values: Any) -> ModelMerge:
    """Asked for, not done; each parent counts half."""
    values.setdefault("number", ModelMerge.objects.filter(project=project).count() + 1)
    values.setdefault("job", job(title="A merge", queue="training", project_slug=project.slug))
    config = {"method": "cat", "density": 0.5, "seed": 17}
    made = ModelMerge.objects.create(
        project=project, base_model=parents[0].base_model, config=config, config_hash=sha("merge"),
        idempotency_key=uuid.uuid4(), **values,
    )  # fmt: skip
    for parent in parents:
        MergePart.objects.create(merge=made, model_version=parent, weight=0.5)
    return made


def generation_run(
    project: Project, heldout: HeldoutSet, baseline: ModelVersion, candidate: ModelVersion, **values: Any
) -> GenerationRun:
    """Both arms have answered every prompt: the candidate rightly, the baseline with an empty-handed sentence."""
    made = GenerationRun.objects.create(
        project=project, number=GenerationRun.objects.filter(project=project).count() + 1, heldout_set=heldout,
        baseline=baseline, candidate=candidate, idempotency_key=uuid.uuid4(), **values,
    )  # fmt: skip
    for prompt in heldout.prompts.all():
        for arm, model, text in (
            ("baseline", baseline, "I do not know."),
            ("candidate", candidate, prompt.reference),
        ):
            Output.objects.create(
                generation_run=made, heldout_prompt=prompt, model_version=model, arm=arm, text=text,
                tokens=len(text.split()), seconds=0.1, stop_reason="end", content_hash=sha(text),
            )  # fmt: skip
    return made


def judge_run(generation: GenerationRun, rubric: RubricVersion, **values: Any) -> JudgeRun:
    """A finished judge run by single criteria, with a verdict on every output in both orders: the level 1."""
    keys = list(rubric.criteria.values_list("key", flat=True))
    values.setdefault("kind", "criteria")
    made = JudgeRun.objects.create(
        project=generation.project, number=JudgeRun.objects.filter(project=generation.project).count() + 1,
        generation_run=generation, rubric_version=rubric, criteria=keys, idempotency_key=uuid.uuid4(),
        job=values.pop("job", None) or job(project_slug=generation.project.slug), finished_at=timezone.now(),
        result={"questions": 2 * len(keys) * generation.outputs.count(), "missing": 0, "seconds": 1.0, "tokens": 9},
        **values,
    )  # fmt: skip
    for output in generation.outputs.all():
        for key in keys:
            for order in (0, 1):
                JudgeVerdict.objects.create(judge_run=made, output=output, criterion=key, order=order, answer="1")
    return made


def grading_round(generation: GenerationRun, rubric: RubricVersion, *, opened: bool = True) -> GradingRound:
    made = GradingRound.objects.create(
        project=generation.project, number=GradingRound.objects.filter(project=generation.project).count() + 1,
        generation_run=generation, rubric_version=rubric, opened_at=timezone.now() if opened else None,
    )  # fmt: skip
    for output in generation.outputs.all():
        RoundItem.objects.create(round=made, output=output, order_key=sha(f"order {output.pk}"))
    return made


def feedback_item(project: Project, **values: Any) -> FeedbackItem:
    values.setdefault("group_key", f"patient-{next(_numbers)}")
    values.setdefault("prompt", "Doctor: How old are you?\nPatient: I am 61.")
    values.setdefault("answer", "16-year-old.")
    values.setdefault("correction", "61-year-old.")
    values.setdefault("author_name", "Clinic portal")
    values.setdefault("idempotency_key", uuid.uuid4())
    return FeedbackItem.objects.create(project=project, **values)


def bias_report(project: Project, **values: Any) -> BiasReport:
    """A balance report that was made of no samples, with its job ended."""
    values.setdefault("number", BiasReport.objects.filter(project=project).count() + 1)
    values.setdefault("content", report_of(Facts([]), {}))
    values.setdefault("content_hash", sha("report"))
    values.setdefault("made_at", timezone.now())
    values.setdefault("job", job(project_slug=project.slug, state=Job.State.SUCCEEDED))
    return BiasReport.objects.create(project=project, idempotency_key=uuid.uuid4(), **values)


def curation_report(project: Project) -> CurationReport:
    """A report of a project as it is, made by a member who is new."""
    made: CurationReport = report_make(project=project, made_by=member(project, "lead"), idempotency_key=uuid.uuid4())
    return made


def prompt_set(project: Project, by: User, content: str = "", **values: Any) -> PromptSet:
    """A draft of one prompt with a check, or of what ``content`` (CSV) holds."""
    given = {"name": "House prompts", "format_key": "checks", "source": "Own work", "licence": "CC0", **values}
    return prompt_set_read(
        project=project, file_name="set.csv", created_by=by, idempotency_key=uuid.uuid4(),
        content=io.BytesIO((content or "prompt,must_contain\nName the colour of snow.,white\n").encode()), **given,
    )  # fmt: skip


def mitigation(report: BiasReport, **values: Any) -> Mitigation:
    """A preview of weights that would change nothing."""
    nothing = standing(Facts([]), "gender", [])
    effect = {"before": 0.0, "after": 0.0, "reduction": None}
    values.setdefault("number", Mitigation.objects.filter(project=report.project).count() + 1)
    values.setdefault("kind", Mitigation.Kind.WEIGHTS)
    values.setdefault("state", Mitigation.State.PLANNED)
    values.setdefault("plan", {"chosen": [], "left": {}, "effect": effect, "before": nothing, "after": nothing})
    values.setdefault("job", job(project_slug=report.project.slug, state=Job.State.SUCCEEDED))
    return Mitigation.objects.create(
        project=report.project, report=report, attribute="gender", first="female", second="male", term="anxiety",
        term_kind="condition", limit=10, idempotency_key=uuid.uuid4(), **values,
    )  # fmt: skip
