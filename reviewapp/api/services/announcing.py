"""What happened, told to webhooks. The audit log is read on from where it was left, so nothing is told before it is
committed, and nothing that is committed is missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q
from django.urls import reverse

from reviewapp.api import selectors
from reviewapp.api.models import Announcer, Delivery, Webhook
from reviewapp.api.services.deliveries import deliveries_enqueue
from reviewapp.audit.models import AuditEvent
from reviewapp.core.models import Job
from reviewapp.evaluations.models import GradingRound
from reviewapp.evaluations.selectors import round_progress
from reviewapp.runs.models import TrainingRun

Event = Webhook.Event
READ_AT_ONCE = 500
_FAILED = (Job.State.FAILED, Job.State.ERRORED, Job.State.INTERRUPTED)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing to tell: ``key`` names it once and for all, ``facts`` hold no text of samples."""

    event: Event
    project: str
    key: str
    at: datetime
    type: str
    id: int
    url: str
    api_url: str
    facts: dict[str, Any] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        what = {"type": self.type, "id": self.id, "url": self.url, "api_url": self.api_url}
        return {
            "event": self.event.value,
            "key": self.key,
            "at": self.at.isoformat(),
            "project": self.project,
            "object": {**what, **self.facts},
        }


def events_announce() -> int:
    """Writes a delivery for each event and webhook, and wakes workers for those that are due; returns how many are."""
    last = AuditEvent.objects.aggregate(last=Max("seq"))["last"] or 0
    announcer, is_new = Announcer.objects.get_or_create(pk=1, defaults={"seq": last})
    if not is_new and announcer.seq < last:
        _read_on()
    _write(_runs_failed(), selectors.webhooks_live(_slugs_of_failures()))
    return deliveries_enqueue()


@transaction.atomic
def _read_on() -> None:
    announcer = Announcer.objects.select_for_update().get(pk=1)
    events = list(AuditEvent.objects.filter(seq__gt=announcer.seq).order_by("seq")[:READ_AT_ONCE])
    webhooks = selectors.webhooks_live(event.project_slug for event in events)
    listened = {webhook.project.slug for webhook in webhooks}
    _write(_happenings([event for event in events if event.project_slug in listened]), webhooks)
    if events:
        announcer.seq = events[-1].seq
        announcer.save(update_fields=["seq"])


def _write(happenings: Iterable[Happening], webhooks: list[Webhook]) -> None:
    """What a webhook asked for and what happened since it was made; the database refuses to write one twice."""
    rows = [
        Delivery(webhook=webhook, event=one.event, key=one.key, payload=one.payload())
        for one in happenings
        for webhook in webhooks
        if webhook.project.slug == one.project and one.event in webhook.events and one.at >= webhook.created_at
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def _happenings(events: list[AuditEvent]) -> Iterator[Happening]:
    for event in events:
        if event.action in _SIMPLE:
            yield _simple(event)
    yield from _rounds_complete(events)


# action -> (event, type, URL name, part of the API, what of the event's data is told)
_SIMPLE: dict[str, tuple[Event, str, str, str, tuple[str, ...]]] = {
    "import.finish": (
        Event.IMPORT_FINISHED, "import", "samples:import_detail", "imports", ("rows", "created", "known", "failed"),
    ),
    "version.sign": (
        Event.VERSION_SIGNED, "training_set_version", "trainingsets:version_detail", "training-set-versions",
        ("content_hash",),
    ),
    "run.succeed": (Event.RUN_FINISHED, "run", "runs:run_detail", "runs", ("number", "model_version")),
    "report.freeze": (
        Event.REPORT_FROZEN, "report", "reports:report_detail", "reports", ("verdict", "content_hash"),
    ),
    "feedback.record": (Event.FEEDBACK_RECEIVED, "feedback_item", "feedback:item_detail", "feedback", ()),
}  # fmt: skip
_MANY_TIMES = {"version.sign"}  # each signature is an event of its own


def _simple(event: AuditEvent) -> Happening:
    kind, type_, url_name, part, names = _SIMPLE[event.action]
    # runs are addressed by their number, everything else by its key
    place = event.data["number"] if event.action == "run.succeed" else int(event.target_id)
    again = f":{event.seq}" if event.action in _MANY_TIMES else ""
    return Happening(
        event=kind,
        project=event.project_slug,
        key=f"{kind.value}:{event.target_id}{again}",
        at=event.at,
        type=type_,
        id=int(event.target_id),
        url=reverse(url_name, args=[event.project_slug, place]),
        api_url=api_path(event.project_slug, part, place),
        facts={name: event.data[name] for name in names if name in event.data},
    )


def api_path(slug: str, part: str, place: int) -> str:
    return reverse("api_v1:call", args=[f"projects/{slug}/{part}/{place}"])


def _rounds_complete(events: list[AuditEvent]) -> Iterator[Happening]:
    """Sealed rounds that got a grade and have them all now. It says that they are in, and nothing of what they are."""
    grades = [event.target_id for event in events if event.action in {"grade.lock", "grade.revise"}]
    preferences = [event.target_id for event in events if event.action == "preference.lock"]
    if not grades and not preferences:
        return
    at = max(event.at for event in events)
    touched = Q(grades__in=grades) | Q(preferences__in=preferences)
    for round in GradingRound.objects.filter(touched, unsealed_at=None).select_related("project").distinct():
        if round_progress(round).is_complete:
            yield _of_round(round, at)


def _of_round(round: GradingRound, at: datetime) -> Happening:
    slug = round.project.slug
    return Happening(
        event=Event.ROUND_COMPLETE,
        project=slug,
        key=f"{Event.ROUND_COMPLETE.value}:{round.pk}",
        at=at,
        type="round",
        id=round.pk,
        url=reverse("evaluations:round_detail", args=[slug, round.pk]),
        api_url=api_path(slug, "rounds", round.pk),
        facts={"number": round.number},
    )


def _failures() -> Any:
    """Runs whose job ended without success after somebody began to listen; each attempt fails on its own."""
    return TrainingRun.objects.filter(
        job__state__in=_FAILED,
        project__webhooks__removed_at=None,
        job__heartbeat_at__gte=F("project__webhooks__created_at"),
    ).select_related("project", "job")


def _slugs_of_failures() -> list[str]:
    return list(_failures().order_by().values_list("project__slug", flat=True).distinct())


def _runs_failed() -> Iterator[Happening]:
    for run in _failures().distinct():
        key = f"{Event.RUN_FAILED.value}:{run.pk}:{run.job.attempt}"
        if Delivery.objects.filter(webhook__project=run.project, key=key).exists():
            continue
        yield Happening(
            event=Event.RUN_FAILED,
            project=run.project.slug,
            key=key,
            at=run.job.heartbeat_at,
            type="run",
            id=run.pk,
            url=reverse("runs:run_detail", args=[run.project.slug, run.number]),
            api_url=api_path(run.project.slug, "runs", run.number),
            facts={"number": run.number, "state": run.job.state},
        )
