"""The permission table: for every URL, what it needs, how it is asked, and one real object to ask it about."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from reviewapp.api.models import ApiToken, Delivery, Webhook
from reviewapp.core import leases
from reviewapp.curation.contamination.overlapping import fingerprints_of, packed
from reviewapp.curation.models import AcceptanceRule, Benchmark, DuplicateDecision, Redaction, Scan
from reviewapp.evaluations.models import BaseComparison, GradeAssignment, SuiteRun
from reviewapp.evaluations.services.rounds import round_unseal
from reviewapp.feedback.models import FeedbackToken
from reviewapp.labelling.selectors import schemas_starters
from reviewapp.labelling.services import schema_create
from reviewapp.lineage.models import ModelExport
from reviewapp.lineage.services import samples_recall
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission as P
from reviewapp.reports.services import gates_declare, report_freeze
from reviewapp.samples.models import BulkAct, SavedView
from reviewapp.trainingsets.models import Preview, VersionExport
from tests import factories
from tests.reviewapp.curation import accepting, programming
from tests.reviewapp.curation.augmenting import augmented
from tests.reviewapp.curation.selecting import selected
from tests.reviewapp.runs.searches import building

OPEN = "open to strangers"
ANYONE = "anyone who is signed in"
SLUG = "letters"

Arguments = Callable[[SimpleNamespace], list[Any]]


@dataclass(frozen=True)
class Row:
    """``needs`` a permission, OPEN or ANYONE; ``arguments`` of the URL from the world below."""

    needs: P | str
    arguments: Arguments
    method: str = "GET"
    data: dict[str, Any] = field(default_factory=dict)
    also: P | None = None  # another permission that is enough
    is_personal: bool = False  # belongs to one person: 404 for others, though their role has the right


def world_make(project: Project, people: SimpleNamespace) -> SimpleNamespace:
    """One of everything, far enough along that every page has something to show."""
    rubric = factories.rubric_version(project, used=True)
    output_rubric = factories.rubric_version(project, applies_to="outputs", used=True)
    batch = factories.import_batch(project)
    heldout = factories.heldout_set(project)
    sample = factories.sample(project, batch=batch)
    finding = factories.finding(sample)
    accepted = [factories.sample(project, state="accepted") for _ in range(3)]
    reviewed = factories.review(accepted[0], people.annotator2, rubric)
    assignment = factories.assignment(sample, people.annotator2, rubric)
    disputed = factories.sample(project, state="adjudicate")
    adjudication = factories.assignment(disputed, people.lead2, rubric, is_adjudication=True)
    version = factories.version(project, accepted, frozen_by=people.lead2, drafted_by=people.lead2)
    draft = factories.version(project, [], frozen=False, drafted_by=people.lead2)
    base = factories.base_model(project)
    run = factories.run(project, version, base, result=factories.run_result())
    baseline, tuned = factories.model_version(project, base), factories.model_version(project, base, run)
    generation = factories.generation_run(project, heldout, baseline, tuned, job=factories.job(project_slug=SLUG))
    unsealed = factories.generation_run(project, heldout, baseline, tuned)
    round = factories.grading_round(generation, output_rubric)
    judge_run = factories.judge_run(unsealed, output_rubric, judge=baseline)
    open_round = factories.grading_round(unsealed, output_rubric)
    open_round.unsealed_at = timezone.now()
    open_round.save()
    reported = factories.grading_round(
        factories.generation_run(project, heldout, baseline, tuned), output_rubric, opened=False
    )
    gate = {"kind": "safety_bound", "name": "Unsafe", "criterion": "safety", "limit": 0.05}
    complete = {"kind": "completeness", "name": "All graded"}
    gates_declare(round=reported, declared=[gate, complete], declared_by=people.lead2)
    round_unseal(round=reported, unsealed_by=people.lead2, reason="A test needs a report.")
    report = report_freeze(round=reported, frozen_by=people.lead2)
    fresh = factories.grading_round(
        factories.generation_run(project, heldout, baseline, tuned), output_rubric, opened=False
    )
    token = FeedbackToken.objects.create(project=project, label="Portal", token_hash=factories.sha("token"))
    grading = GradeAssignment.objects.create(
        item=round.items.all()[0], slot=0, holder=people.reviewer2, lease_expires_at=leases.lease_end()
    )
    webhook = Webhook.objects.create(project=project, url="https://example.org/hook", events=["run.failed"], salt="s")
    preview = Preview.objects.create(version=version, base_model_path=base.path)
    VersionExport.objects.create(version=version, form="parquet")
    copy = factories.sample(project)
    factories.finding(
        copy, check_name="exact_duplicates", kind="exact_duplicate", related_sample=sample, start=None, end=None,
        excerpt="", suggestion=None,
    )  # fmt: skip
    bias_report = factories.bias_report(project)
    names = {
        "project": project,
        "copy": copy,
        "duplicate_decision": DuplicateDecision.objects.create(
            project=project, act="keep_all", decided_by=people.lead2, idempotency_key=uuid.uuid4()
        ),
        "benchmark": Benchmark.objects.create(
            project=project,
            name="Public test",
            file_name="test.csv",
            file_sha256=factories.sha("test"),
            rows=1,
            fingerprints=packed(fingerprints_of(["How many ducks are in the pond?"])),
            declared_by=people.lead2,
            idempotency_key=uuid.uuid4(),
        ),
        "rubric": rubric,
        "batch": batch,
        "heldout": heldout,
        "sample": sample,
        "bulk_act": BulkAct.objects.create(
            project=project, act="flag", done_by=people.lead2, asked=0, done=0, idempotency_key=uuid.uuid4()
        ),
        "saved_view": SavedView.objects.create(project=project, owner=people.lead2, name="Theirs", filters={}),
        "finding": finding,
        "acceptance": accepting.drawn(project, people.lead2),
        "acceptance_rule": AcceptanceRule.objects.create(
            project=project, target="identifiers", rate="0.01", confidence="0.95"
        ),
        "scan": Scan.objects.create(project=project, job=factories.job(project_slug=SLUG)),
        "dry_run": Scan.objects.create(project=project, dry_size=5, job=factories.job(project_slug=SLUG)),
        "selection": selected(project, people.lead2),
        "labelling_function": programming.rows(project, people.lead2).function,
        "labelling_run": project.labelling_runs.get(),
        "redaction": Redaction.objects.create(project=project, action="mask", job=factories.job(project_slug=SLUG)),
        "bias_report": bias_report,
        "curation_report": factories.curation_report(project),
        "mitigation": factories.mitigation(bias_report),
        "augmentation": augmented(project, people.lead2),
        "accepted": accepted,
        "reviewed": reviewed,
        "assignment": assignment,
        "adjudication": adjudication,
        "version": version,
        "draft": draft,
        "base": base,
        "run": run,
        "search": building.search(project, version, base),
        "range_test": building.range_test(project, version, base),
        "tuned": tuned,
        "merge": factories.model_merge(project, [baseline, tuned]),
        "generation": generation,
        "round": round,
        "open_round": open_round,
        "grading": grading,
        "report": report,
        "recall": samples_recall(
            project=project,
            sample_ids=[factories.sample(project).pk],
            reason="error",
            words="",
            recalled_by=people.lead2,
            idempotency_key=uuid.uuid4(),
        ),
        "suite_run": SuiteRun.objects.create(
            project=project,
            number=1,
            baseline=baseline,
            candidate=tuned,
            job=factories.job(project_slug=SLUG),
            idempotency_key=uuid.uuid4(),
        ),
        "prompt_set": factories.prompt_set(project, people.lead2),
        "judge_run": judge_run,
        "base_comparison": BaseComparison.objects.create(
            project=project, number=1, heldout_set=heldout, idempotency_key=uuid.uuid4()
        ),
        "model_export": ModelExport.objects.create(
            model_version=tuned,
            form="adapter",
            card="",
            requested_by=people.lead2,
            idempotency_key=uuid.uuid4(),
            made_at=timezone.now(),
        ),
        "reported": reported,
        "fresh": fresh,
        "preview": preview,
        "unsealed": unsealed,
        "output": unsealed.outputs.all()[0],
        "feedback": factories.feedback_item(project),
        "labels": schema_create(project=project, document=schemas_starters()["mixed"], created_by=people.lead2),
        "token": token,
        "api_token": ApiToken.objects.create(
            project=project,
            owner=people.lead2,
            name="Nightly",
            token_hash=factories.sha("api"),
            scopes=["read"],
            expires_at=timezone.now() + timedelta(days=9),
        ),
        "webhook": webhook,
        "delivery": Delivery.objects.create(webhook=webhook, event="run.failed", key="run.failed:1:1", payload={}),
        "job": factories.job(project_slug=SLUG),
        "annotator": people.annotator2,
    }
    return SimpleNamespace(**names)


def _project(world: SimpleNamespace) -> list[Any]:
    return [SLUG]


def _of(name: str, attribute: str = "pk") -> Arguments:
    """The URL of one object of the world, in the project."""
    return lambda world: [SLUG, getattr(getattr(world, name), attribute)]


def _finding(world: SimpleNamespace) -> list[Any]:
    return [SLUG, world.assignment.key, world.finding.pk]


def _bare(*values: Any) -> Arguments:
    return lambda world: list(values)


ROWS: dict[str, Row] = {
    # accounts, demo, projects, home
    "accounts:sign_in": Row(OPEN, _bare()),
    "accounts:sign_out": Row(ANYONE, _bare(), "POST"),
    "accounts:sign_in_code": Row(OPEN, _bare()),
    "accounts:sign_in_operator": Row(OPEN, _bare()),
    "accounts:sso_start": Row(OPEN, _bare(), "POST"),
    "accounts:sso_callback": Row(OPEN, _bare()),
    "accounts:sso_link": Row(ANYONE, _bare(), "POST"),
    "accounts:sso_unlink": Row(ANYONE, _bare(), "POST"),
    "accounts:security": Row(ANYONE, _bare()),
    "accounts:factor_begin": Row(ANYONE, _bare(), "POST"),
    "accounts:factor_setup": Row(ANYONE, _bare()),
    "accounts:factor_confirm": Row(ANYONE, _bare(), "POST"),
    "accounts:recovery_renew": Row(ANYONE, _bare(), "POST"),
    "accounts:factor_remove": Row(ANYONE, _bare(), "POST"),
    "accounts:theme_set": Row(ANYONE, _bare(), "POST", {"theme": "dark"}),
    "accounts:language_set": Row(ANYONE, _bare(), "POST", {"language": "de"}),
    "accounts:keys_edit": Row(ANYONE, _bare()),
    "accounts:keys_save": Row(ANYONE, _bare(), "POST"),
    "accounts:keys_reset": Row(ANYONE, _bare(), "POST"),
    "demo:people": Row(OPEN, _bare()),
    "demo:enter": Row(OPEN, _bare("ana"), "POST"),
    "projects:project_create": Row(ANYONE, _bare()),
    "projects:project_settings": Row(P.MANAGE, _project),
    "projects:member_set": Row(P.MANAGE, _project, "POST"),
    "projects:member_remove": Row(P.MANAGE, _of("annotator"), "POST", is_personal=True),
    "home:start": Row(ANYONE, _bare()),
    "home:health": Row(OPEN, _bare()),
    "home:project": Row(P.VIEW, _project),
    "home:search": Row(P.VIEW, _project),
    "home:jobs": Row(P.VIEW, _project),
    "home:job_retry": Row(P.IMPORT, _of("job"), "POST"),
    "home:job_cancel": Row(P.IMPORT, _of("job"), "POST"),
    "home:audit": Row(P.AUDIT, _project),
    "home:view_log": Row(P.AUDIT, _project),
    "home:view_log_export": Row(P.AUDIT, _project, "POST"),
    "home:own_views": Row(ANYONE, _bare()),
    "home:raters": Row(P.RATERS, _project),
    # feedback, lineage
    "feedback:item_list": Row(P.FEEDBACK, _project),
    "feedback:item_detail": Row(P.FEEDBACK, _of("feedback")),
    "feedback:item_correct": Row(P.PROMOTE, _of("feedback"), "POST"),
    "feedback:item_promote": Row(P.PROMOTE, _of("feedback"), "POST"),
    "feedback:item_dismiss": Row(P.PROMOTE, _of("feedback"), "POST"),
    "feedback:output_feedback": Row(P.GRADE, _of("output"), is_personal=True),
    "feedback:endpoint": Row(OPEN, _project, "POST"),
    "feedback:token_list": Row(P.MANAGE, _project),
    "feedback:token_revoke": Row(P.MANAGE, _of("token"), "POST"),
    # api: what each endpoint below /api/v1/ needs is in tests/reviewapp/api/endpoint_rows.py
    "api_v1:call": Row(OPEN, _bare("me")),
    "api:reference": Row(P.VIEW, _project),
    "api:token_list": Row(P.VIEW, _project),
    "api:token_revoke": Row(P.VIEW, _of("api_token"), "POST", is_personal=True),
    "api:webhook_list": Row(P.MANAGE, _project),
    "api:webhook_detail": Row(P.MANAGE, _of("webhook")),
    "api:webhook_pause": Row(P.MANAGE, _of("webhook"), "POST"),
    "api:webhook_resume": Row(P.MANAGE, _of("webhook"), "POST"),
    "api:webhook_remove": Row(P.MANAGE, _of("webhook"), "POST", is_personal=True),
    "api:delivery_redeliver": Row(P.MANAGE, _of("delivery"), "POST", is_personal=True),
    "lineage:output": Row(P.VIEW, _of("output")),
    "lineage:sample": Row(P.VIEW, _of("sample")),
    "lineage:version": Row(P.VIEW, _of("version")),
    "lineage:recall_list": Row(P.VIEW, _project),
    "lineage:recall_create": Row(P.WITHDRAW, _project),
    "lineage:recall_detail": Row(P.VIEW, _of("recall", "number")),
    "lineage:holds_resolve": Row(P.WITHDRAW, _of("recall", "number"), "POST"),
    "lineage:recall_extend": Row(P.WITHDRAW, _of("recall", "number"), "POST"),
    "lineage:recall_undo": Row(P.WITHDRAW, _of("recall", "number"), "POST"),
    "evaluations:prompt_set_list": Row(P.VIEW, _project),
    "evaluations:prompt_set_import": Row(P.TRAIN, _project),
    "evaluations:prompt_set_own": Row(P.VIEW, _project),
    "evaluations:prompt_set_detail": Row(P.VIEW, _of("prompt_set")),
    "evaluations:prompt_set_keep": Row(P.TRAIN, _of("prompt_set"), "POST"),
    "evaluations:prompt_set_discard": Row(P.TRAIN, _of("prompt_set"), "POST"),
    "evaluations:prompt_set_retire": Row(P.TRAIN, _of("prompt_set"), "POST"),
    "evaluations:prompt_set_declare": Row(
        P.MANAGE, _of("prompt_set"), "POST", {"idempotency_key": "0c1d3a52-6a52-4c8e-9f3b-0d1c3f6f2b11"}
    ),
    "evaluations:base_comparison_list": Row(P.VIEW, _project),
    "evaluations:base_comparison_create": Row(P.TRAIN, _project),
    "evaluations:base_comparison_detail": Row(P.VIEW, _of("base_comparison", "number")),
    "evaluations:base_answers": Row(P.HELDOUT, _of("base_comparison", "number")),
    "evaluations:suite_run_list": Row(P.VIEW, _project),
    "evaluations:suite_run_create": Row(P.TRAIN, _project),
    "evaluations:suite_run_detail": Row(P.VIEW, _of("suite_run", "number")),
    "evaluations:suite_run_live": Row(P.VIEW, _of("suite_run", "number")),
    "evaluations:suite_run_cancel": Row(P.TRAIN, _of("suite_run", "number"), "POST"),
    "evaluations:suite_run_resume": Row(P.TRAIN, _of("suite_run", "number"), "POST"),
    "evaluations:suite_items": Row(P.HELDOUT, _of("suite_run", "number")),
    "lineage:model_card": Row(P.VIEW, _of("tuned", "number")),
    "lineage:model_exports": Row(P.SIGN, _of("tuned", "number"), "POST"),
    "lineage:model_export_download": Row(P.SIGN, lambda world: [SLUG, world.tuned.number, world.model_export.pk]),
    "lineage:model_promote": Row(P.SIGN, _of("tuned", "number"), "POST"),
    "lineage:promotion_card": Row(P.VIEW, _of("tuned", "number")),
    "lineage:promotion_withdraw": Row(P.SIGN, _of("tuned", "number"), "POST"),
    # rubrics
    "rubrics:rubric_list": Row(P.VIEW, _project),
    "rubrics:rubric_detail": Row(P.VIEW, _of("rubric", "rubric_id")),
    "rubrics:rubric_diff": Row(P.VIEW, lambda world: [SLUG, world.rubric.rubric_id, 1, 1]),
    "rubrics:rubric_new": Row(P.RUBRIC, _project),
    "rubrics:rubric_edit": Row(P.RUBRIC, _of("rubric", "rubric_id")),
    "rubrics:rubric_preview": Row(P.RUBRIC, _project, "POST"),
    "rubrics:rubric_import": Row(P.RUBRIC, _project, "POST"),
    "rubrics:rubric_activate": Row(P.RUBRIC, _of("rubric", "rubric_id"), "POST"),
    "rubrics:rubric_export": Row(P.VIEW, lambda world: [SLUG, world.rubric.rubric_id, world.rubric.number]),
    # labelling
    "labelling:schema_list": Row(P.VIEW, _project),
    "labelling:schema_detail": Row(P.VIEW, _of("labels", "schema_id")),
    "labelling:schema_new": Row(P.RUBRIC, _project),
    "labelling:schema_edit": Row(P.RUBRIC, _of("labels", "schema_id")),
    "labelling:schema_preview": Row(P.RUBRIC, _project, "POST"),
    "labelling:schema_import": Row(P.RUBRIC, _project, "POST"),
    "labelling:schema_activate": Row(P.RUBRIC, _of("labels", "schema_id"), "POST"),
    "labelling:schema_export": Row(P.VIEW, lambda world: [SLUG, world.labels.schema_id, world.labels.number]),
    "labelling:rules_edit": Row(P.RUBRIC, _of("labels", "schema_id")),
    "labelling:suggestions_import": Row(P.RUBRIC, _of("labels", "schema_id"), "POST"),
    "labelling:class_search": Row(P.VIEW, _of("labels")),
    # training sets
    "trainingsets:version_list": Row(P.VIEW, _project),
    "trainingsets:version_draft": Row(P.DRAFT, _project),
    "trainingsets:draft_counts": Row(P.DRAFT, _project),
    "trainingsets:signing_rule": Row(P.MANAGE, _project),
    "trainingsets:version_detail": Row(P.VIEW, _of("version")),
    "trainingsets:version_update": Row(P.DRAFT, _of("draft"), "POST"),
    "trainingsets:samples_exclude": Row(P.DRAFT, _of("draft"), "POST"),
    "trainingsets:samples_include": Row(P.DRAFT, _of("draft"), "POST"),
    "trainingsets:overlap_panel": Row(P.VIEW, _of("draft")),
    "trainingsets:overlap_request": Row(P.DRAFT, _of("draft"), "POST"),
    "trainingsets:version_freeze": Row(P.DRAFT, _of("draft"), "POST"),
    "trainingsets:version_sign": Row(P.SIGN, _of("version"), "POST"),
    "trainingsets:signature_withdraw": Row(P.SIGN, _of("version"), "POST"),
    "trainingsets:preview_panel": Row(P.VIEW, _of("version")),
    "trainingsets:preview_accept": Row(P.SIGN, lambda world: [SLUG, world.version.pk, world.preview.pk], "POST"),
    "trainingsets:example_list": Row(P.VIEW, _of("version")),
    "trainingsets:heldout_of_test": Row(P.HELDOUT, _of("version"), "POST"),
    "trainingsets:version_compare": Row(P.VIEW, _of("version")),
    "trainingsets:version_export": Row(P.VIEW, _of("version")),
    "trainingsets:export_list": Row(P.VIEW, _of("version")),
    "trainingsets:export_download": Row(
        P.VIEW, lambda world: [SLUG, world.version.pk, world.version.exports.get().pk], is_personal=True
    ),
    # runs
    "runs:run_list": Row(P.VIEW, _project),
    "runs:run_request": Row(P.TRAIN, _project),
    "runs:run_plan": Row(P.TRAIN, _project),
    "runs:plan_use": Row(P.TRAIN, _project, "POST"),
    "runs:cost_list": Row(P.VIEW, _project),
    "runs:cost_export": Row(P.VIEW, _project),
    "runs:budget_set": Row(P.MANAGE, _project, "POST"),
    "runs:ceiling_set": Row(P.MANAGE, _of("run", "number"), "POST"),
    "runs:preview_request": Row(P.DRAFT, _project),
    "runs:run_detail": Row(P.VIEW, _of("run", "number")),
    "runs:run_live": Row(P.VIEW, _of("run", "number")),
    "runs:run_log": Row(P.VIEW, _of("run", "number")),
    "runs:run_cancel": Row(P.TRAIN, _of("run", "number"), "POST"),
    "runs:run_pause": Row(P.TRAIN, _of("run", "number"), "POST"),
    "runs:run_resume": Row(P.TRAIN, _of("run", "number"), "POST"),
    "runs:search_list": Row(P.VIEW, _project),
    "runs:search_request": Row(P.TRAIN, _project),
    "runs:search_detail": Row(P.VIEW, _of("search", "number")),
    "runs:search_cancel": Row(P.TRAIN, _of("search", "number"), "POST"),
    "runs:range_request": Row(P.TRAIN, _project, "POST"),
    "runs:range_detail": Row(P.VIEW, _of("range_test", "number")),
    "runs:range_cancel": Row(P.TRAIN, _of("range_test", "number"), "POST"),
    "runs:base_model_list": Row(P.VIEW, _project),
    "runs:base_model_register": Row(P.TRAIN, _project),
    "runs:base_model_detail": Row(P.VIEW, _of("base")),
    "runs:base_model_fetch": Row(P.TRAIN, _of("base"), "POST"),
    "runs:base_model_recheck": Row(P.TRAIN, _of("base"), "POST"),
    "runs:model_list": Row(P.VIEW, _project),
    "runs:model_detail": Row(P.VIEW, _of("tuned", "number")),
    "runs:merge_create": Row(P.TRAIN, _project),
    "runs:merge_detail": Row(P.VIEW, _of("merge", "number")),
    # evaluations
    "evaluations:round_list": Row(P.VIEW, _project),
    "evaluations:round_create": Row(P.REPORT, _project),
    "evaluations:pairwise_create": Row(P.REPORT, _project),
    "evaluations:calibration_create": Row(P.REPORT, _project),
    "evaluations:round_open": Row(P.REPORT, _of("round"), "POST"),
    "evaluations:reference_next": Row(P.REPORT, _of("round"), "POST"),
    "evaluations:grade_list": Row(P.GRADE, _of("round")),
    "evaluations:round_detail": Row(P.VIEW, _of("round")),
    "evaluations:round_unseal": Row(P.REPORT, _of("round"), "POST"),
    "evaluations:grade_next": Row(P.GRADE, _of("round"), "POST"),
    "evaluations:grade": Row(P.GRADE, _of("grading", "key"), is_personal=True),
    "evaluations:grade_draft": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_renew": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_leave": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_release": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_submit": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_locked": Row(P.GRADE, _of("grading", "key"), is_personal=True),
    "evaluations:grade_skip": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_flag": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_feedback": Row(P.GRADE, _of("grading", "key"), is_personal=True),
    "evaluations:pair": Row(P.GRADE, _of("grading", "key"), is_personal=True),
    "evaluations:preference_submit": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:preference_undo": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_reveal": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:grade_revise": Row(P.GRADE, _of("grading", "key"), is_personal=True),
    "evaluations:grade_undo": Row(P.GRADE, _of("grading", "key"), "POST", is_personal=True),
    "evaluations:generation_create": Row(P.TRAIN, _project),
    "evaluations:output_import": Row(P.TRAIN, _project),
    "evaluations:system_import": Row(P.TRAIN, _project),
    "evaluations:grade_import": Row(P.REPORT, _of("generation")),
    "evaluations:generation_detail": Row(P.VIEW, _of("generation")),
    "evaluations:generation_live": Row(P.VIEW, _of("generation")),
    "evaluations:generation_cancel": Row(P.TRAIN, _of("generation"), "POST"),
    "evaluations:generation_resume": Row(P.TRAIN, _of("generation"), "POST"),
    "evaluations:judge_create": Row(P.TRAIN, _of("unsealed")),
    "evaluations:judge_detail": Row(P.VIEW, _of("judge_run", "number")),
    "evaluations:judge_cancel": Row(P.TRAIN, _of("judge_run", "number"), "POST"),
    "evaluations:judge_resume": Row(P.TRAIN, _of("judge_run", "number"), "POST"),
    "evaluations:output_list": Row(P.GRADE, _of("unsealed"), also=P.HELDOUT),
    "evaluations:output_detail": Row(P.GRADE, _of("output"), also=P.HELDOUT),
    "evaluations:explanation_request": Row(P.GRADE, _of("output"), "POST", also=P.HELDOUT),
    # samples
    "samples:sample_list": Row(P.VIEW, _project),
    "samples:sample_detail": Row(P.VIEW, _of("sample")),
    "samples:view_save": Row(P.VIEW, _project, "POST", {"name": "Mine", "state": "ready"}),
    "samples:view_update": Row(P.VIEW, _of("saved_view"), "POST", {"name": "Theirs"}, is_personal=True),
    "samples:view_delete": Row(P.VIEW, _of("saved_view"), "POST", is_personal=True),
    "samples:default_view_set": Row(P.VIEW, _project, "POST", {"view": ""}),
    "samples:import_list": Row(P.VIEW, _project),
    "samples:import_create": Row(P.IMPORT, _project),
    "samples:import_detail": Row(P.VIEW, _of("batch")),
    "samples:import_map": Row(P.IMPORT, _of("batch")),
    "samples:import_live": Row(P.VIEW, _of("batch")),
    "samples:import_errors": Row(P.IMPORT, _of("batch")),
    "samples:heldout_list": Row(P.VIEW, _project),
    "samples:heldout_detail": Row(P.VIEW, _of("heldout")),
    "samples:heldout_seal": Row(P.HELDOUT, _of("heldout"), "POST"),
    "samples:heldout_extend": Row(P.HELDOUT, _of("heldout"), "POST"),
    # reviews
    "reviews:bulk_confirm": Row(P.CURATE, _project, "POST", {"act": "tag", "scope": "all"}),
    "reviews:bulk_act": Row(P.CURATE, _project, "POST", {"act": "tag", "scope": "all", "n": "1", "given": "a"}),
    "reviews:bulk_detail": Row(P.CURATE, _of("bulk_act")),
    "reviews:bulk_undo": Row(P.CURATE, _of("bulk_act"), "POST"),
    "reviews:queue": Row(P.VIEW, _project),
    "reviews:assignment_claim": Row(P.REVIEW, _project, "POST"),
    "reviews:next_prefetch": Row(P.REVIEW, _project, "POST"),
    "reviews:queue_settings": Row(P.MANAGE, _project),
    "reviews:expertise_set": Row(P.MANAGE, _of("annotator"), "POST", is_personal=True),
    "reviews:comments": Row(P.REVIEW, _of("sample")),
    "reviews:recuse": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:review_list": Row(P.REVIEW, _project),
    "reviews:review_undo": Row(P.REVIEW, _project, "POST"),
    "reviews:agreement": Row(P.VIEW, _project),
    "reviews:returned_list": Row(P.CURATE, _project),
    "reviews:flagged_list": Row(P.ADJUDICATE, _project),
    "reviews:sample_reopen": Row(P.CURATE, _of("sample"), "POST"),
    "reviews:review_edit": Row(P.REVIEW, _of("assignment", "key"), is_personal=True),
    "reviews:review_submit": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:suggestions_reveal": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:draft_save": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:assignment_renew": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:assignment_leave": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:assignment_release": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:assignment_skip": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:assignment_flag": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:finding_accept": Row(P.REVIEW, _finding, "POST", is_personal=True),
    "reviews:finding_dismiss": Row(P.REVIEW, _finding, "POST", is_personal=True),
    "reviews:prompt_restore": Row(P.REVIEW, _of("assignment", "key"), "POST", is_personal=True),
    "reviews:adjudication_claim": Row(P.ADJUDICATE, _project, "POST"),
    "reviews:adjudication_edit": Row(P.ADJUDICATE, _of("adjudication", "key"), is_personal=True),
    "reviews:adjudication_submit": Row(P.ADJUDICATE, _of("adjudication", "key"), "POST", is_personal=True),
    # reports
    "reports:report_list": Row(P.VIEW, _project),
    "reports:report_plan": Row(P.VIEW, _project),
    "reports:report_trends": Row(P.VIEW, _project),
    "reports:report_detail": Row(P.VIEW, _of("report")),
    "reports:report_items": Row(P.GRADE, lambda world: [SLUG, world.report.pk, "worst"], also=P.HELDOUT),
    "reports:report_sign": Row(P.SIGN, _of("report"), "POST"),
    "reports:report_signature_withdraw": Row(P.SIGN, _of("report"), "POST"),
    "reports:report_override": Row(P.SIGN, _of("report"), "POST"),
    "reports:report_export": Row(P.VIEW, lambda world: [SLUG, world.report.pk, "report.json"]),
    "reports:report_export_passages": Row(P.HELDOUT, _of("report"), "POST"),
    "reports:gates_detail": Row(P.VIEW, _of("reported")),
    "reports:gates_declare": Row(P.REPORT, _of("fresh"), "POST"),
    "reports:gate_arithmetic": Row(P.REPORT, _of("fresh"), is_personal=True),
    "reports:report_freeze": Row(P.REPORT, _of("open_round"), "POST"),
    "reports:look_take": Row(P.REPORT, _of("open_round"), "POST"),
    # curation
    "curation:finding_list": Row(P.VIEW, _project),
    "curation:finding_detail": Row(P.VIEW, _of("finding")),
    "curation:finding_accept": Row(P.CURATE, _of("finding"), "POST"),
    "curation:finding_dismiss": Row(P.CURATE, _of("finding"), "POST"),
    "curation:finding_reopen": Row(P.CURATE, _of("finding"), "POST"),
    "curation:scan_list": Row(P.VIEW, _project),
    "curation:scan_request": Row(P.CURATE, _project, "POST"),
    "curation:scan_live": Row(P.VIEW, _of("scan")),
    "curation:scan_cancel": Row(P.CURATE, _of("scan"), "POST"),
    "curation:pipeline_edit": Row(P.VIEW, _project),
    "curation:pipeline_save": Row(P.CURATE, _project, "POST"),
    "curation:pipeline_try": Row(P.CURATE, _project, "POST"),
    "curation:dry_run_live": Row(P.VIEW, _of("dry_run")),
    "curation:house_style": Row(P.VIEW, _project),
    "curation:house_style_set": Row(P.MANAGE, _project, "POST"),
    "curation:summary_detail": Row(P.VIEW, _project),
    "curation:language_list": Row(P.VIEW, _project),
    "curation:language_mix_set": Row(P.MANAGE, _project, "POST"),
    "curation:removed_list": Row(P.VIEW, _project),
    "curation:removed_put_back": Row(P.WITHDRAW, _project, "POST"),
    "curation:report_make": Row(P.CURATE, _project, "POST"),
    "curation:report_export": Row(P.VIEW, lambda world: [SLUG, world.curation_report.number, "json"]),
    "curation:meaning_search": Row(P.VIEW, _project),
    "curation:similar_list": Row(P.VIEW, _of("sample")),
    "curation:index_request": Row(P.MANAGE, _project, "POST"),
    "curation:index_remove": Row(P.MANAGE, _project, "POST"),
    "curation:index_live": Row(P.VIEW, _project),
    "curation:embedding_request": Row(P.MANAGE, _project, "POST"),
    "curation:embedding_cancel": Row(P.MANAGE, _project, "POST"),
    "curation:embedding_remove": Row(P.MANAGE, _project, "POST"),
    "curation:embedding_live": Row(P.VIEW, _project),
    "curation:learning_request": Row(P.MANAGE, _project, "POST"),
    "curation:acceptance_list": Row(P.VIEW, _project),
    "curation:acceptance_draw": Row(P.CURATE, _project),
    "curation:acceptance_detail": Row(P.VIEW, _of("acceptance")),
    "curation:acceptance_export": Row(P.VIEW, _of("acceptance")),
    "curation:acceptance_take": Row(P.REVIEW, _of("acceptance"), "POST"),
    "curation:acceptance_judge": Row(P.REVIEW, lambda world: [SLUG, world.acceptance.pk, 1]),
    "curation:acceptance_undo": Row(P.REVIEW, _of("acceptance"), "POST"),
    "curation:acceptance_close": Row(P.CURATE, _of("acceptance"), "POST"),
    "curation:acceptance_rule_set": Row(P.MANAGE, _project, "POST"),
    "curation:acceptance_rule_remove": Row(P.MANAGE, _of("acceptance_rule"), "POST"),
    "curation:selection_list": Row(P.VIEW, _project),
    "curation:selection_create": Row(P.DRAFT, _project, "POST"),
    "curation:selection_eligible": Row(P.VIEW, _project),
    "curation:selection_detail": Row(P.VIEW, _of("selection", "number")),
    "curation:selection_live": Row(P.VIEW, _of("selection", "number")),
    "curation:selection_cancel": Row(P.DRAFT, _of("selection", "number"), "POST"),
    "curation:selection_revise": Row(P.DRAFT, _of("selection", "number"), "POST"),
    "curation:selection_review": Row(P.CURATE, _of("selection", "number")),
    "curation:selection_compare": Row(P.VIEW, _of("selection", "number")),
    "curation:selection_export": Row(P.VIEW, _of("selection", "number")),
    "curation:golden_list": Row(P.VIEW, _project),
    "curation:relevance_limit_keep": Row(P.ADJUDICATE, _project, "POST"),
    "curation:golden_card": Row(P.VIEW, _of("sample")),
    "curation:golden_mark": Row(P.ADJUDICATE, _of("sample"), "POST"),
    "curation:golden_unmark": Row(P.ADJUDICATE, _of("sample"), "POST"),
    "curation:identifier_list": Row(P.VIEW, _project),
    "curation:identifier_mark": Row(P.CURATE, _project, "POST"),
    "curation:redaction_preview": Row(P.CURATE, _project),
    "curation:redaction_request": Row(P.CURATE, _project, "POST"),
    "curation:redaction_undo": Row(P.MANAGE, _of("redaction"), "POST"),
    "curation:identifier_live": Row(P.VIEW, _of("redaction", "job_id")),
    "curation:tagger_list": Row(P.VIEW, _project),
    "curation:tagger_request": Row(P.MANAGE, _project, "POST"),
    "curation:tagger_take": Row(P.MANAGE, lambda world: [SLUG, 0], "POST"),
    "curation:duplicate_list": Row(P.VIEW, _project),
    "curation:duplicate_detail": Row(P.VIEW, _of("copy")),
    "curation:duplicate_decide": Row(P.CURATE, _of("copy"), "POST", {"act": "all"}),
    "curation:duplicate_exact": Row(P.WITHDRAW, _project),
    "curation:duplicate_keep_first": Row(P.WITHDRAW, _project, "POST"),
    "curation:duplicate_decisions": Row(P.VIEW, _project),
    "curation:duplicate_undo": Row(P.CURATE, _of("duplicate_decision"), "POST"),
    "curation:duplicate_limit": Row(P.VIEW, _project),
    "curation:limit_measure": Row(P.MANAGE, _project, "POST"),
    "curation:limit_set": Row(P.MANAGE, _project, "POST"),
    "curation:benchmark_list": Row(P.VIEW, _project),
    "curation:benchmark_declare": Row(P.MANAGE, _project, "POST"),
    "curation:benchmark_remove": Row(P.MANAGE, _of("benchmark"), "POST"),
    "curation:labelling_function_list": Row(P.VIEW, _project),
    "curation:labelling_function_new": Row(P.RUBRIC, _project),
    "curation:labelling_function_edit": Row(P.RUBRIC, _of("labelling_function")),
    "curation:labelling_function_switch": Row(P.RUBRIC, _of("labelling_function"), "POST"),
    "curation:labelling_run_request": Row(P.CURATE, _project, "POST"),
    "curation:labelling_run_detail": Row(P.VIEW, _of("labelling_run", "number")),
    "curation:labelling_run_live": Row(P.VIEW, _of("labelling_run", "number")),
    "curation:labelling_run_cancel": Row(P.CURATE, _of("labelling_run", "number"), "POST"),
    "curation:labelling_run_suggest": Row(P.RUBRIC, _of("labelling_run", "number"), "POST"),
    "curation:labelling_run_votes": Row(P.VIEW, lambda world: [SLUG, world.labelling_run.number, 0]),
    "curation:balance": Row(P.VIEW, _project),
    "curation:balance_request": Row(P.CURATE, _project, "POST"),
    "curation:balance_live": Row(P.VIEW, _project),
    "curation:balance_settings": Row(P.MANAGE, _project),
    "curation:label_report": Row(P.VIEW, _project),
    "curation:label_report_request": Row(P.CURATE, _project, "POST"),
    "curation:label_report_live": Row(P.VIEW, _project),
    "curation:balance_export": Row(P.VIEW, lambda world: [SLUG, world.bias_report.number, "json"]),
    "curation:augmentation_list": Row(P.VIEW, _project),
    "curation:synthetic_limit": Row(P.MANAGE, _project, "POST", {"most": "25"}),
    "curation:augmentation_create": Row(P.CURATE, lambda world: [SLUG, "noise"]),
    "curation:augmentation_detail": Row(P.VIEW, _of("augmentation", "number")),
    "curation:augmentation_live": Row(P.VIEW, _of("augmentation", "number")),
    "curation:augmentation_cancel": Row(P.CURATE, _of("augmentation", "number"), "POST"),
    "curation:augmentation_resume": Row(P.CURATE, _of("augmentation", "number"), "POST"),
    "curation:augmentation_apply": Row(P.WITHDRAW, _of("augmentation", "number"), "POST"),
    "curation:augmentation_withdraw": Row(P.WITHDRAW, _of("augmentation", "number"), "POST"),
    "runs:rewriting_create": Row(P.TRAIN, _project),
    "curation:mitigation_list": Row(P.VIEW, _project),
    "curation:mitigation_create": Row(P.CURATE, _project),
    "curation:mitigation_detail": Row(P.VIEW, _of("mitigation", "number")),
    "curation:mitigation_live": Row(P.VIEW, _of("mitigation", "number")),
    "curation:mitigation_apply": Row(P.WITHDRAW, _of("mitigation", "number"), "POST"),
    "curation:mitigation_undo": Row(P.WITHDRAW, _of("mitigation", "number"), "POST"),
    "curation:mitigation_export": Row(P.VIEW, _of("mitigation", "number")),
}
