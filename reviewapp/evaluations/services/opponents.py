"""Whom a candidate is compared with: its base alone, or another model version that one job can ask beside it."""

from __future__ import annotations

from django.utils.translation import gettext

from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.runs import base_facts
from reviewapp.runs.models import ModelVersion


def baseline_of(project: Project, candidate: ModelVersion) -> ModelVersion:
    """The base alone, which answers beside the candidate; raises ApplicationError where the two cannot be asked."""
    if candidate.project_id != project.pk:
        raise ApplicationError(gettext("Choose a model version of this project."))
    if candidate.is_external:
        raise ApplicationError(
            gettext("%(candidate)s does not run here. Import its outputs instead.") % {"candidate": candidate}
        )
    base_facts.base_model_check(candidate.base_model)
    baseline: ModelVersion | None = ModelVersion.objects.filter(
        base_model=candidate.base_model, adapter_path="", model_path="", is_external=False
    ).first()
    if baseline is None:
        raise ApplicationError(
            gettext("The base model of %(candidate)s is not registered as a model version.") % {"candidate": candidate}
        )
    if baseline.pk == candidate.pk:
        raise ApplicationError(gettext("Choose a tuned model version; its base answers the same prompts beside it."))
    return baseline


def beside_check(candidate: ModelVersion, baseline: ModelVersion) -> None:
    """One job asks both with one engine and one template; raises ApplicationError where that cannot be."""
    if baseline.project_id != candidate.project_id or baseline.is_external or baseline.pk == candidate.pk:
        raise ApplicationError(gettext("Compare with another model version of this project that runs here."))
    if baseline.base_model_id != candidate.base_model_id:
        raise ApplicationError(
            gettext("%(baseline)s was made from another base model, so one job cannot ask both. Import its outputs.")
            % {"baseline": baseline}
        )
    is_tuned = bool(baseline.adapter_path or baseline.model_path)
    if is_tuned and baseline.template_sha256 != candidate.template_sha256:
        raise ApplicationError(
            gettext("%(baseline)s learned with another template, so the same prompt would not read the same to both.")
            % {"baseline": baseline}
        )
