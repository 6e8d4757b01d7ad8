from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from reviewapp.core import jobs
from reviewapp.core.exceptions import JobCancelled, JobFailed, JobLost
from reviewapp.core.models import Job

State = Job.State
CALLS: list[Any] = []
HERE = "tests.reviewapp.core.test_jobs"


def work(handle: jobs.JobHandle, thing_id: int) -> None:
    CALLS.append(thing_id)
    handle.progress(1, 2, "half way")
    handle.log("first line")
    handle.log("second line")


def work_fails(handle: jobs.JobHandle) -> None:
    raise JobFailed("The file is empty. Upload another.")


def work_breaks(handle: jobs.JobHandle) -> None:
    raise ZeroDivisionError("nobody foresaw this")


def work_until_cancelled(handle: jobs.JobHandle) -> None:
    Job.objects.filter(pk=handle.job.pk).update(is_cancel_requested=True)
    handle.check_cancelled()


def work_taken_over(handle: jobs.JobHandle) -> None:
    Job.objects.filter(pk=handle.job.pk).update(token=uuid.uuid4())
    handle.log("too late")


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def _job(function: str, **kwargs: Any) -> Job:
    return jobs.enqueue(f"{HERE}.{function}", title="Work", created_by=None, kwargs=kwargs)


def test_a_job_runs_once_and_says_so(db: None) -> None:
    job = _job("work", thing_id=7)

    jobs.execute(job.pk)
    jobs.execute(job.pk)

    job.refresh_from_db()
    assert CALLS == [7]
    assert job.state == State.SUCCEEDED
    assert (job.progress_done, job.progress_total, job.message) == (1, 2, "half way")
    assert [line[9:] for line in job.log.splitlines()] == ["first line", "second line"]
    assert job.finished_at is not None


@pytest.mark.parametrize(
    ("function", "state", "message"),
    [
        ("work_fails", State.FAILED, "The file is empty. Upload another."),
        ("work_breaks", State.ERRORED, "Unexpected error: nobody foresaw this"),
        ("work_until_cancelled", State.CANCELLED, "Cancelled on request."),
    ],
)
def test_every_end_is_written_on_the_row(db: None, function: str, state: str, message: str) -> None:
    job = _job(function)

    jobs.execute(job.pk)

    job.refresh_from_db()
    assert (job.state, job.message) == (state, message)
    assert ("ZeroDivisionError" in job.traceback) == (function == "work_breaks")


def test_a_worker_that_lost_its_row_stops_writing(db: None) -> None:
    job = _job("work_taken_over")

    jobs.execute(job.pk)

    job.refresh_from_db()
    assert job.state == State.RUNNING  # the new owner's business
    assert job.log == ""


def test_a_handle_needs_a_claimed_row(db: None) -> None:
    with pytest.raises(JobLost):
        jobs.JobHandle(_job("work", thing_id=1))


def _lost(attempt: int = 1) -> Job:
    beat = timezone.now() - timedelta(minutes=5)
    job = _job("work", thing_id=1)
    Job.objects.filter(pk=job.pk).update(
        state=State.RUNNING, token=uuid.uuid4(), heartbeat_at=beat, attempt=attempt, max_attempts=3
    )
    return job


def test_reconcile_puts_a_lost_job_back(db: None) -> None:
    job = _lost()

    assert jobs.reconcile()["requeued"] == 1

    job.refresh_from_db()
    assert (job.state, job.attempt, job.token) == (State.QUEUED, 2, None)
    jobs.execute(job.pk)
    assert CALLS == [1]


def test_reconcile_gives_up_after_the_last_attempt(db: None) -> None:
    job = _lost(attempt=3)

    assert jobs.reconcile()["interrupted"] == 1

    job.refresh_from_db()
    assert job.state == State.INTERRUPTED
    assert "retry" in job.message


def test_reconcile_leaves_a_beating_job_alone(db: None) -> None:
    job = _lost()
    Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now())

    assert jobs.reconcile() == {"requeued": 0, "interrupted": 0, "woken": 0}


def test_reconcile_wakes_the_queue_for_a_forgotten_row(db: None) -> None:
    job = _job("work", thing_id=1)
    Job.objects.filter(pk=job.pk).update(queued_at=timezone.now() - timedelta(minutes=10))

    assert jobs.reconcile()["woken"] == 1
    assert jobs.reconcile()["woken"] == 0


def test_cancelling_a_waiting_job_takes_it_out_of_the_queue(db: None) -> None:
    job = _job("work", thing_id=1)

    jobs.cancel_request(job=job)
    jobs.execute(job.pk)

    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert CALLS == []


def test_cancelling_a_running_job_asks_it(db: None) -> None:
    job = _lost()
    jobs.cancel_request(job=job)
    handle = jobs.JobHandle(Job.objects.get(pk=job.pk))

    with pytest.raises(JobCancelled):
        handle.check_cancelled()


def test_retry_runs_a_failed_job_again_as_a_new_attempt(db: None) -> None:
    job = _job("work_fails")
    jobs.execute(job.pk)

    jobs.retry(job=job)

    job.refresh_from_db()
    assert (job.state, job.attempt) == (State.QUEUED, 2)


def test_retry_leaves_a_finished_job_alone(db: None) -> None:
    job = _job("work", thing_id=1)
    jobs.execute(job.pk)

    jobs.retry(job=job)

    job.refresh_from_db()
    assert job.state == State.SUCCEEDED
