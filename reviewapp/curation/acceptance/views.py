"""Acceptance sampling: the plans of a project, drawing one, looking through it, and what it came to."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviewapp.audit.services import Target, view_record
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.http import AuthenticatedRequest, wants_fragment
from reviewapp.curation import services
from reviewapp.curation.acceptance import export as exports
from reviewapp.curation.acceptance.forms import DrawForm, DrawnForm, JudgeForm, RuleForm
from reviewapp.curation.acceptance.page import PlanRow, figure_of, judge_page, plan_page, plans_of, statement_of
from reviewapp.curation.acceptance.targets import target_title
from reviewapp.curation.acceptance.words import share
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, AcceptanceRule
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may, project_for

PAGE_SIZE = 20
Verdict = AcceptanceItem.Verdict


@require_GET
def acceptance_list(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    return _list(request, project_for(request.user, slug))


def _list(request: AuthenticatedRequest, project: Project, form: RuleForm | None = None) -> HttpResponse:
    page = Paginator(plans_of(project), PAGE_SIZE).get_page(request.GET.get("page"))
    rules = AcceptanceRule.objects.filter(project=project).select_related("set_by")
    context = {
        "project": project,
        "page": page,
        "rows": [PlanRow(plan=plan) for plan in page],
        "rules": [(rule, target_title(rule.target), share(rule.rate), share(rule.confidence)) for rule in rules],
        "form": form or RuleForm(project=project),
    }
    return render(request, "curation/acceptance_list.html", context, status=422 if form else 200)


@require_http_methods(["GET", "POST"])
def acceptance_draw(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """The form works out the number as it is filled in (GET); the button draws exactly what was shown (POST)."""
    project = project_for(request.user, slug, Permission.CURATE)
    if request.method == "GET":
        # a link may name some of it; the rest is as usual
        sent = _as_sent({**DrawForm.usual(), **request.GET.dict()})
        return _draw_page(request, project, DrawForm(sent, project=project))
    form, drawn = DrawForm(request.POST, project=project), DrawnForm(request.POST)
    if not form.is_valid() or not drawn.is_valid():
        return _draw_page(request, project, form, _("Nothing was drawn. Look at the form again, then draw."))
    try:
        plan = services.plan_draw(project=project, drawn_by=request.user, wanted=form.wanted(), **drawn.cleaned_data)
    except ApplicationError as refusal:
        return _draw_page(request, project, form, refusal.message)
    return redirect("curation:acceptance_detail", slug, plan.pk)


def _draw_page(request: AuthenticatedRequest, project: Project, form: DrawForm, error: str = "") -> HttpResponse:
    figure = figure_of(project, form.wanted()) if form.is_valid() else None
    context = {
        "project": project,
        "form": form,
        "error": error,
        "figure": figure,
        "sent": [(name, value) for name, value in form.data.items() if name in form.fields],
        "drawn": DrawnForm.fresh(figure.n) if figure and figure.n else None,
    }
    part = "#figure" if wants_fragment(request) else ""
    return render(request, f"curation/acceptance_draw.html{part}", context, status=422 if error else 200)


def _as_sent(values: dict[str, Any]) -> QueryDict:
    sent = QueryDict(mutable=True)
    for name, value in values.items():
        sent[name] = str(value)
    return sent


@require_GET
def acceptance_detail(request: AuthenticatedRequest, slug: str, plan_id: int) -> HttpResponse:
    project = project_for(request.user, slug)
    return _detail(request, _plan(project, plan_id))


def _plan(project: Project, plan_id: int) -> AcceptancePlan:
    found = AcceptancePlan.objects.select_related("project", "drawn_by", "statement__closed_by")
    return get_object_or_404(found.defer("population_packed", "statement__facts"), pk=plan_id, project=project)


def _detail(request: AuthenticatedRequest, plan: AcceptancePlan, error: str = "") -> HttpResponse:
    verdict = request.GET.get("verdict", "")
    items = plan.items.select_related("sample", "revision", "judged_by", "finding").order_by("position")
    if verdict in Verdict.values and "verdict" in request.GET:
        items = items.filter(verdict=verdict)
    context = {
        "project": plan.project,
        "page": plan_page(plan),
        "items": Paginator(items, PAGE_SIZE).get_page(request.GET.get("page")),
        "verdict": request.GET.get("verdict"),
        "may_judge": may(request.user, plan.project, Permission.REVIEW),
        "error": error,
        "form": None,
    }
    return render(request, "curation/acceptance_detail.html", context, status=422 if error else 200)


@require_POST
def acceptance_take(request: AuthenticatedRequest, slug: str, plan_id: int) -> HttpResponse:
    """Goes on where this person was, or to the next text that is free; ``after``: leaves the one they see."""
    project = project_for(request.user, slug, Permission.REVIEW)
    after = request.POST.get("after", "")
    return _next(request, _plan(project, plan_id), int(after) if after.isdecimal() and len(after) < 9 else 0)


def _next(request: AuthenticatedRequest, plan: AcceptancePlan, after: int = 0) -> HttpResponse:
    try:
        item = services.item_take(plan=plan, taken_by=request.user, after=after)
    except ApplicationError as refusal:
        return _detail(request, plan, refusal.message)
    if item is None:
        messages.success(request, _("There is no text left for you here: all are judged, or others look at the rest."))
        return redirect("curation:acceptance_detail", plan.project.slug, plan.pk)
    return redirect("curation:acceptance_judge", plan.project.slug, plan.pk, item.position)


@require_http_methods(["GET", "POST"])
def acceptance_judge(request: AuthenticatedRequest, slug: str, plan_id: int, position: int) -> HttpResponse:
    """One text, and what this person says of it; then the next."""
    project = project_for(request.user, slug, Permission.REVIEW)
    plan = _plan(project, plan_id)
    found = plan.items.select_related("sample", "revision", "holder", "judged_by")
    item = get_object_or_404(found, position=position)
    if statement_of(plan) or not _is_theirs(item, request):
        messages.warning(request, _("This text is not yours to judge now. Take the next one."))
        return redirect("curation:acceptance_detail", slug, plan_id)
    return _judged(request, item) if request.method == "POST" else _judge_page(request, item)


def _is_theirs(item: AcceptanceItem, request: AuthenticatedRequest) -> bool:
    """Judged by them, held by them, or held by nobody."""
    if item.judged_by is not None:
        return item.judged_by == request.user
    is_held = item.held_until is not None and item.held_until > timezone.now()
    return not is_held or item.holder == request.user


def _judged(request: AuthenticatedRequest, item: AcceptanceItem) -> HttpResponse:
    form = JudgeForm(request.POST)
    if not form.is_valid():
        return _judge_page(request, item, _("Nothing was kept: the note or the words are too long."))
    data = form.cleaned_data
    mark = services.Mark(
        field=data["field"] or "completion", words=data["words"], start=data["start"] or 0, note=data["note"]
    )
    try:
        services.item_judge(item=item, verdict=data["verdict"], judged_by=request.user, mark=mark)
    except ApplicationError as refusal:
        return _judge_page(request, item, refusal.message)
    return _next(request, item.plan, item.position)


def _judge_page(request: AuthenticatedRequest, item: AcceptanceItem, error: str = "") -> HttpResponse:
    project = item.plan.project
    view_record(request=request, project=project.slug, target=Target.SAMPLE, shown=item.sample_id)
    context = {
        "project": project,
        "page": judge_page(item, request.user),
        "error": error,
        "form": None,
        "given": {name: request.POST.get(name, "") for name in ("note", "words", "field", "start")},
    }
    return render(request, "curation/acceptance_judge.html", context, status=422 if error else 200)


@require_POST
def acceptance_undo(request: AuthenticatedRequest, slug: str, plan_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.REVIEW)
    plan = _plan(project, plan_id)
    try:
        item = services.item_undo(plan=plan, undone_by=request.user)
    except ApplicationError as refusal:
        return _detail(request, plan, refusal.message)
    return redirect("curation:acceptance_judge", slug, plan_id, item.position)


@require_POST
def acceptance_close(request: AuthenticatedRequest, slug: str, plan_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.CURATE)
    plan = _plan(project, plan_id)
    with_missing = request.POST.get("with_missing") == "yes"
    try:
        services.plan_close(plan=plan, closed_by=request.user, with_missing=with_missing)
    except ApplicationError as refusal:
        return _detail(request, plan, refusal.message)
    return redirect("curation:acceptance_detail", slug, plan_id)


@require_GET
def acceptance_export(request: AuthenticatedRequest, slug: str, plan_id: int) -> HttpResponse | StreamingHttpResponse:
    """A statement with its items: JSON, or CSV with ``?as=csv``. There is none before the plan is closed."""
    project = project_for(request.user, slug)
    plan = _plan(project, plan_id)
    statement = statement_of(plan)
    if statement is None:
        return _detail(request, plan, _("There is no statement yet: it is made when the plan is closed."))
    is_csv = request.GET.get("as") == "csv"
    if is_csv:
        response = StreamingHttpResponse(exports.statement_csv(statement), content_type="text/csv; charset=utf-8")
    else:
        response = StreamingHttpResponse([exports.statement_json(statement)], content_type="application/json")
    name = f"acceptance-{project.slug}-{plan.number}-{statement.content_hash[:12]}.{'csv' if is_csv else 'json'}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
def acceptance_rule_set(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    form = RuleForm(request.POST, project=project)
    if not form.is_valid():
        return _list(request, project, form)
    rule = services.rule_set(project=project, set_by=request.user, **form.rule())
    messages.success(
        request,
        _("A version is signed only with a passed acceptance sample for “%(target)s” now.")
        % {"target": target_title(rule.target)},
    )
    return redirect("curation:acceptance_list", slug)


@require_POST
def acceptance_rule_remove(request: AuthenticatedRequest, slug: str, rule_id: int) -> HttpResponse:
    project = project_for(request.user, slug, Permission.MANAGE)
    rule = AcceptanceRule.objects.select_related("project").filter(pk=rule_id, project=project).first()
    if rule is not None:  # two clicks, or two leads: it is gone either way
        services.rule_remove(rule=rule, removed_by=request.user)
    messages.success(request, _("No longer required. What was signed stays signed."))
    return redirect("curation:acceptance_list", slug)
