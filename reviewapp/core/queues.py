"""What a waiting page may say: how many workers there are, what they do, how long the queue is."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import django_rq
import redis
from django.utils import timezone
from rq import Worker
from rq.worker import BaseWorker

from reviewapp.core.models import Job
from reviewapp.words import say

# rq workers beat at least every 25 s here (worker_ttl); one that is older is gone but not yet forgotten.
WORKER_FRESH = timedelta(seconds=90)
START_COMMAND = "python manage.py worker default training"


@dataclass(frozen=True)
class WorkerFact:
    name: str
    queues: tuple[str, ...]
    state: str
    last_heartbeat: datetime | None

    @property
    def is_alive(self) -> bool:
        return self.last_heartbeat is not None and timezone.now() - self.last_heartbeat < WORKER_FRESH

    @property
    def state_said(self) -> str:
        words = {"busy": say("busy"), "idle": say("idle"), "suspended": say("suspended")}
        return words.get(self.state) or say("starting")


@dataclass(frozen=True)
class QueueHealth:
    is_reachable: bool
    workers: tuple[WorkerFact, ...]
    waiting: int
    running: int

    def alive(self, queue: str = "") -> int:
        return sum(1 for w in self.workers if w.is_alive and (not queue or queue in w.queues))


@dataclass(frozen=True)
class JobWait:
    """Why a job is not running yet, for a person."""

    position: int
    reason: str
    remedy: str


def queue_health() -> QueueHealth:
    """Reads the queue server; an unreachable one is a fact to show, not an error."""
    waiting = Job.objects.filter(state=Job.State.QUEUED).count()
    running = Job.objects.filter(state=Job.State.RUNNING).count()
    try:
        workers = tuple(_fact(w) for w in Worker.all(connection=django_rq.get_connection("default")))
    except (redis.exceptions.RedisError, OSError):
        return QueueHealth(is_reachable=False, workers=(), waiting=waiting, running=running)
    return QueueHealth(is_reachable=True, workers=workers, waiting=waiting, running=running)


def _fact(worker: BaseWorker) -> WorkerFact:
    beat = worker.last_heartbeat
    return WorkerFact(
        name=worker.name,
        queues=tuple(worker.queue_names()),
        state=str(getattr(worker.get_state(), "value", worker.get_state())),
        last_heartbeat=beat if beat is None or beat.tzinfo else timezone.make_aware(beat),
    )


def job_wait(job: Job) -> JobWait | None:
    """Position and reason for a waiting job; None when it is not waiting."""
    return job_waits([job]).get(job.pk)


def job_waits(jobs: Iterable[Job], health: QueueHealth | None = None) -> dict[int, JobWait]:
    """The same for several at once, by job id; ``health`` where the caller has it already."""
    waiting = [job for job in jobs if job.state == Job.State.QUEUED]
    if not waiting:
        return {}
    known = health or queue_health()
    lines: dict[str, list[int]] = defaultdict(list)
    for queue, pk in Job.objects.filter(state=Job.State.QUEUED).order_by("pk").values_list("queue", "pk"):
        lines[queue].append(pk)
    return {job.pk: _wait(job, bisect_left(lines[job.queue], job.pk) + 1, known) for job in waiting}


def _wait(job: Job, position: int, health: QueueHealth) -> JobWait:
    if not health.is_reachable:
        return JobWait(position, say("The queue server cannot be reached."), "Start it with: python manage.py up")
    if not health.alive(job.queue):
        return JobWait(
            position,
            say("No worker serves the %(queue)s queue.", queue=job.queue),
            say("Start one with: %(start_command)s", start_command=START_COMMAND),
        )
    return JobWait(
        position, say("Position %(position)s in the %(queue)s queue.", position=position, queue=job.queue), ""
    )
