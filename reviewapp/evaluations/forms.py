from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext

from reviewapp.evaluations import selectors
from reviewapp.evaluations.importing_systems import Columns
from reviewapp.evaluations.models import GenerationRun, GradingRound
from reviewapp.evaluations.suites.contents import Material
from reviewapp.evaluations.suites.table import SUITES
from reviewapp.projects.models import Project
from reviewapp.rubrics.models import Rubric, RubricVersion
from reviewapp.runs import selectors as runs
from reviewapp.runs.models import BaseModel, ModelVersion
from reviewapp.samples.models import HeldoutSet
from training.contract import GenerateConfig


def longest_answer() -> forms.IntegerField:
    return forms.IntegerField(
        label="Longest answer, tokens", min_value=1, max_value=100_000, initial=GenerateConfig.max_new_tokens
    )


def prompts_at_a_time() -> forms.IntegerField:
    return forms.IntegerField(
        label="Prompts at a time",
        min_value=1,
        max_value=4096,
        initial=GenerateConfig.batch_size,
        help_text="Fewer need less memory and take longer.",
    )


def _fill(form: forms.Form, name: str, rows: Any) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared by the caller
    field.queryset = rows
    field.empty_label = None


class GenerationForm(forms.Form):
    candidate = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        label="Tuned model version",
        help_text="Its base model answers the same prompts in the same job.",
    )
    baseline = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(), label="Compare with", required=False, empty_label="Its base model",
        help_text="Or an earlier model version, made from the same base.",
    )  # fmt: skip
    heldout_set = forms.ModelChoiceField(
        queryset=HeldoutSet.objects.none(), label="Held-out set", help_text="Only sealed sets are listed."
    )
    max_new_tokens = longest_answer()
    batch_size = prompts_at_a_time()
    base_twice = forms.BooleanField(
        label="Ask the base twice",
        required=False,
        initial=True,
        help_text="Shows how far figures move by themselves: a difference within that says nothing.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tuned, earlier = runs.models_tuned(project), self.fields["baseline"]
        assert isinstance(earlier, forms.ModelChoiceField)  # noqa: S101 - declared above
        _fill(self, "candidate", tuned)
        earlier.queryset = tuned
        _fill(self, "heldout_set", HeldoutSet.objects.filter(project=project, sealed_at__isnull=False).order_by("-id"))

    def values(self) -> dict[str, Any]:
        """The settings as ``generation_run_request`` takes them."""
        return {name: self.cleaned_data[name] for name in ("max_new_tokens", "batch_size", "base_twice")}


class BaseComparisonForm(forms.Form):
    bases = forms.ModelMultipleChoiceField(
        queryset=BaseModel.objects.none(),
        label="Base models",
        widget=forms.CheckboxSelectMultiple,
        help_text="Two to six. Each answers every prompt as it is, untuned.",
    )
    heldout_set = forms.ModelChoiceField(
        queryset=HeldoutSet.objects.none(), label="Held-out set", help_text="Only sealed sets are listed."
    )
    max_new_tokens = longest_answer()
    batch_size = prompts_at_a_time()
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bases = self.fields["bases"]
        assert isinstance(bases, forms.ModelMultipleChoiceField)  # noqa: S101 - declared above
        bases.queryset = runs.base_models(project)
        _fill(self, "heldout_set", HeldoutSet.objects.filter(project=project, sealed_at__isnull=False).order_by("-id"))

    def values(self) -> dict[str, Any]:
        """As ``base_comparison_request`` takes them."""
        data = self.cleaned_data
        return {
            "bases": list(data["bases"]),
            "values": {name: data[name] for name in ("max_new_tokens", "batch_size")},
            **{name: data[name] for name in ("heldout_set", "idempotency_key")},
        }


class SuiteRunForm(forms.Form):
    candidate = forms.ModelChoiceField(
        queryset=ModelVersion.objects.none(),
        label="Tuned model version",
        help_text="Its base model is asked the same in the same job.",
    )
    suites = forms.MultipleChoiceField(label="Suites", choices=())
    heldout_set = forms.ModelChoiceField(
        queryset=HeldoutSet.objects.none(),
        label="Held-out set",
        required=False,
        empty_label="None",
        help_text="Answers that a generation run on it gave are taken over. Only sealed sets are listed.",
    )
    most = forms.IntegerField(
        label="Most prompts of one set",
        min_value=1,
        max_value=100_000,
        initial=Material.most,
        help_text="Fewer take less time and leave wider bounds. Which ones is drawn by a fixed seed.",
    )
    max_new_tokens = longest_answer()
    batch_size = prompts_at_a_time()
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        suites, heldout_set = self.fields["suites"], self.fields["heldout_set"]
        assert isinstance(suites, forms.MultipleChoiceField)  # noqa: S101 - declared above
        assert isinstance(heldout_set, forms.ModelChoiceField)  # noqa: S101
        suites.choices = [(suite.key, gettext(suite.name)) for suite in SUITES.values()]
        suites.initial = list(SUITES)
        _fill(self, "candidate", runs.models_tuned(project))
        sealed = HeldoutSet.objects.filter(project=project, sealed_at__isnull=False).order_by("-id")
        heldout_set.queryset = sealed
        self.initial.setdefault("heldout_set", sealed.first())

    def values(self) -> dict[str, Any]:
        """As ``suite_run_request`` takes them."""
        data = self.cleaned_data
        return {
            "values": {name: data[name] for name in ("most", "max_new_tokens", "batch_size")},
            **{name: data[name] for name in ("candidate", "suites", "heldout_set", "idempotency_key")},
        }


class OutputImportForm(forms.Form):
    label = forms.CharField(label="Name of the system", max_length=120)
    baseline_run = forms.ModelChoiceField(
        queryset=GenerationRun.objects.none(),
        label="Beside the base outputs of",
        help_text="The outputs must answer the held-out set of this generation run.",
    )
    file = forms.FileField(
        label="Outputs, JSON Lines", help_text='One line a prompt: {"prompt_id": "...", "text": "..."}, in UTF-8.'
    )
    is_simulated = forms.BooleanField(
        label="Simulated: made for demonstration, not by a working system",
        required=False,
        help_text="Marked so on every page and in the report.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _fill(
            self, "baseline_run", GenerationRun.objects.filter(project=project, is_imported=False, result__isnull=False)
        )


class SystemImportForm(forms.Form):
    heldout_set = forms.ModelChoiceField(
        queryset=HeldoutSet.objects.none(),
        label="Held-out set that was answered",
        help_text="Only sealed sets are listed.",
    )
    file = forms.FileField(label="Outputs, as CSV, TSV, JSON or JSON Lines", help_text="One row an output, in UTF-8.")
    prompt_column = forms.CharField(label="Column with the prompt's id", max_length=200, initial="prompt_id")
    text_column = forms.CharField(label="Column with the output", max_length=200, initial="text")
    system_column = forms.CharField(
        label="Column with the system's name",
        max_length=200,
        required=False,
        help_text="Empty: the first row of a prompt is of System 1, the second of System 2, and so on.",
    )
    baseline = forms.CharField(
        label="System that a report takes as the base",
        max_length=120,
        required=False,
        help_text="Empty: the first of the file.",
    )
    candidate = forms.CharField(
        label="System that a report compares with it",
        max_length=120,
        required=False,
        help_text="Empty: the next of the file. The others are graded too and shown on the page of the round.",
    )
    is_simulated = forms.BooleanField(label="Simulated: made for demonstration, not by working systems", required=False)
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _fill(self, "heldout_set", HeldoutSet.objects.filter(project=project, sealed_at__isnull=False).order_by("-id"))

    def values(self) -> dict[str, Any]:
        """The fields as ``systems_import`` takes them, but for the file."""
        data = self.cleaned_data
        return {
            "columns": Columns(prompt_id=data["prompt_column"], text=data["text_column"], system=data["system_column"]),
            "compared": (data["baseline"], data["candidate"]),
            **{name: data[name] for name in ("heldout_set", "is_simulated", "idempotency_key")},
        }


class RoundForm(forms.Form):
    generation_run = forms.ModelChoiceField(queryset=GenerationRun.objects.none(), label="Outputs of")
    rubric_version = forms.ModelChoiceField(queryset=RubricVersion.objects.none(), label="Rubric")
    overlap_percent = forms.IntegerField(
        label="Prompts graded by two people, percent",
        min_value=0,
        max_value=100,
        initial=25,
        help_text="Fewer than 50 outputs graded twice leave the agreement of graders unknown.",
    )
    grade_baseline = forms.BooleanField(
        label="Grade the base model's outputs too", required=False, initial=True,
        help_text="Needed to say whether the tuned model is better; doubles the work.",
    )  # fmt: skip

    repeat_percent = forms.IntegerField(
        label="Outputs that come back to the same grader, percent",
        min_value=0,
        max_value=20,
        initial=5,
        help_text="A day later where work lasts that long, and not shown as repeats. They measure how steady a grader "
        "is and are no part of the result.",
    )
    calibration = forms.ModelChoiceField(
        queryset=GradingRound.objects.none(),
        label="Calibration round",
        required=False,
        empty_label="None",
        help_text="Its reference grades are mixed in, and graders can be asked to pass it first.",
    )
    gold_percent = forms.IntegerField(
        label="Outputs with a reference grade mixed in, percent", min_value=0, max_value=20, initial=0,
        help_text="5 is usual. Needs a calibration round; no part of the result.",
    )  # fmt: skip
    is_pass_required = forms.BooleanField(label="Only those who passed the calibration may grade", required=False)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _fill_round(self, project)
        field = self.fields["calibration"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
        field.queryset = GradingRound.objects.filter(
            project=project, kind=GradingRound.Kind.CALIBRATION, opened_at__isnull=False
        ).order_by("-number")


class PairwiseForm(forms.Form):
    generation_run = forms.ModelChoiceField(queryset=GenerationRun.objects.none(), label="Outputs of")
    rubric_version = forms.ModelChoiceField(
        queryset=RubricVersion.objects.none(), label="Rubric", help_text="Its guidelines are shown beside the pair."
    )
    overlap_percent = forms.IntegerField(
        label="Prompts compared by two people, percent", min_value=0, max_value=100, initial=25
    )
    first = forms.CharField(
        label="First system", max_length=40, initial="baseline",
        help_text="baseline, candidate, or the short name of another system of the run.",
    )  # fmt: skip
    second = forms.CharField(label="Second system", max_length=40, initial="candidate")

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _fill_round(self, project)

    def values(self) -> dict[str, Any]:
        """The fields as ``pairwise_create`` takes them."""
        data = self.cleaned_data
        chosen = {name: data[name] for name in ("generation_run", "rubric_version", "overlap_percent")}
        return chosen | {"first_arm": data["first"].strip(), "second_arm": data["second"].strip()}


class CalibrationForm(forms.Form):
    generation_run = forms.ModelChoiceField(
        queryset=GenerationRun.objects.none(),
        label="Outputs of",
        help_text="Of another run than the one that will be graded: graders must not meet an output again.",
    )
    rubric_version = forms.ModelChoiceField(queryset=RubricVersion.objects.none(), label="Rubric")
    practice = forms.IntegerField(
        label="Outputs to practise on", min_value=0, max_value=100, initial=5,
        help_text="After each the reference grade is shown and explained.",
    )  # fmt: skip
    exam = forms.IntegerField(
        label="Outputs that are scored", min_value=0, max_value=100, initial=10,
        help_text="Without feedback. Of 15, a pass at 13 lets through 13% of those who are right 7 times in 10.",
    )  # fmt: skip
    gold = forms.IntegerField(
        label="Outputs kept to mix in later", min_value=0, max_value=200, initial=0,
        help_text="Nobody meets them here. Grading rounds can mix them in unannounced.",
    )  # fmt: skip
    pass_percent = forms.IntegerField(
        label="Pass mark, percent of the scored outputs", min_value=1, max_value=100, initial=80,
        help_text="Right means: every gate item agrees with the reference and no level is more than one off.",
    )  # fmt: skip

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _fill_round(self, project)


def _fill_round(form: forms.Form, project: Project) -> None:
    _fill(form, "generation_run", GenerationRun.objects.filter(project=project, result__isnull=False))
    fill_rubrics(form, project)


def fill_rubrics(form: forms.Form, project: Project) -> None:
    """Those that apply to outputs; the ones offered for new work first."""
    versions = RubricVersion.objects.filter(rubric__project=project).exclude(
        rubric__applies_to=Rubric.AppliesTo.SAMPLES
    )
    ordered = versions.select_related("rubric").order_by("-rubric__is_active", "rubric__name", "-number")
    _fill(form, "rubric_version", ordered)


def round_form_initial(project: Project, run_id: str) -> dict[str, Any]:
    """Chooses the generation run that the person came from."""
    known = run_id.isdigit() and selectors.generation_runs(project).filter(pk=int(run_id)).exists()
    return {"generation_run": int(run_id)} if known else {}
