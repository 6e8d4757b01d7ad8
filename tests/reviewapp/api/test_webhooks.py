from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.api import addresses
from reviewapp.api.jobs import deliver
from reviewapp.api.models import Delivery, Webhook
from reviewapp.api.services import deliveries, webhooks
from reviewapp.api.services.announcing import events_announce
from reviewapp.audit import services as audit
from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.feedback.services import Remark, feedback_record
from reviewapp.projects.models import Project
from tests import factories
from tests.reviewapp.api.receiver import Receiver, receiving

ClientFor = Callable[[User], Client]
PAGE = "/projects/letters/api/webhooks/"
EVENTS = tuple(Webhook.Event.values)


def client_module() -> ModuleType:
    """The client as somebody has it who copied the file."""
    path = Path(__file__).resolve().parents[3] / "clients" / "python" / "countersign_client.py"
    spec = importlib.util.spec_from_file_location("countersign_client", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _open_network(settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = True
    settings.WEBHOOK_TIMEOUT_SECONDS = 1


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def hook(project: Project, people: SimpleNamespace, receiver: Receiver) -> Webhook:
    """A webhook for everything, and a clock that has looked once."""
    events_announce()
    return webhooks.webhook_create(project=project, url=receiver.url, events=EVENTS, created_by=people.lead)[0]


def _work() -> int:
    """The clock looks, and a worker does what it finds; returns how many attempts were made."""
    n = events_announce()
    for job in Job.objects.filter(path="reviewapp.api.jobs.deliver", state="queued"):
        jobs.execute(job.pk)
    return n


def _feedback(project: Project) -> int:
    content = Remark(prompt="A patient of 54 with knee pain", remark="Wrong age")
    return feedback_record(project=project, content=content, idempotency_key=factories.uuid.uuid4())[0].pk


def _due_now() -> None:
    Delivery.objects.update(due_at=timezone.now())


# ---- what is told


def test_what_happened_is_told_once_signed_and_without_texts(
    hook: Webhook, project: Project, receiver: Receiver
) -> None:
    item = _feedback(project)

    assert (_work(), _work()) == (1, 0)

    ((headers, body),) = receiver.got
    told = client_module().webhook_verify(body, headers["Countersign-Signature"], deliveries.secret_of(hook))
    assert told["event"] == headers["Countersign-Event"] == "feedback.received"
    assert told["object"]["id"] == item
    assert told["object"]["api_url"] == f"/api/v1/projects/letters/feedback/{item}"
    assert b"knee" not in body and b"Wrong age" not in body
    delivery = Delivery.objects.get()
    assert headers["Countersign-Delivery"] == str(delivery.pk) == str(told["delivery"])
    assert (delivery.state, delivery.response_code, delivery.attempts) == ("delivered", 204, 1)


@pytest.mark.parametrize("change", ["body", "secret", "age", "header"])
def test_a_request_that_was_tampered_with_is_not_verified(
    hook: Webhook, project: Project, receiver: Receiver, change: str
) -> None:
    _feedback(project)
    _work()
    headers, body = receiver.got[0]
    signature, secret, now = headers["Countersign-Signature"], deliveries.secret_of(hook), time.time()
    if change == "body":
        body = body.replace(b"feedback.received", b"report.frozen")
    elif change == "secret":
        secret = "whsec_another"
    elif change == "age":
        now += 301
    else:
        signature = "v1=x"

    with pytest.raises(ValueError, match="signature"):
        client_module().webhook_verify(body, signature, secret, now=now)


@pytest.mark.parametrize(
    ("action", "event", "data"),
    [
        ("import.finish", "import.finished", {"rows": 3, "created": 1, "known": 0, "failed": 2}),
        ("version.sign", "version.signed", {"content_hash": "abc", "meaning": "I have read it"}),
        ("run.succeed", "run.finished", {"number": 4, "model_version": 2, "weights_sha256": "w"}),
        ("report.freeze", "report.frozen", {"number": 1, "verdict": "ship", "content_hash": "abc", "round": 1}),
    ],
)
def test_each_act_becomes_its_event(
    hook: Webhook, project: Project, people: SimpleNamespace, action: str, event: str, data: dict[str, Any]
) -> None:
    audit.record(actor=people.lead, action=action, project="letters", target_type="x", target_id=7, data=data)
    audit.record(actor=people.lead, action=action, project="elsewhere", target_type="x", target_id=8, data=data)

    events_announce()

    payload = Delivery.objects.get().payload
    assert (payload["event"], payload["project"], payload["object"]["id"]) == (event, "letters", 7)
    assert payload["object"]["url"].startswith("/projects/letters/")
    assert "meaning" not in payload["object"]
    if event == "report.frozen":
        assert payload["object"]["verdict"] == "ship"


def test_a_failed_run_is_told_for_each_attempt(hook: Webhook, project: Project) -> None:
    version = factories.version(project, [factories.sample(project, state="accepted")])
    run = factories.run(project, version, factories.base_model(project))
    values = {"state": "failed", "heartbeat_at": timezone.now() + timedelta(seconds=1)}
    Job.objects.filter(pk=run.job.pk).update(**values)

    events_announce()
    events_announce()
    assert hook.deliveries.filter(event="run.failed").count() == 1

    Job.objects.filter(pk=run.job.pk).update(attempt=2, **values)
    events_announce()
    keys = {row.key for row in hook.deliveries.all()}
    assert keys == {f"run.failed:{run.pk}:1", f"run.failed:{run.pk}:2"}


def test_a_round_is_told_complete_with_its_last_grade(hook: Webhook, project: Project, people: SimpleNamespace) -> None:
    from reviewapp.evaluations.models import Grade, GradeAssignment

    base = factories.base_model(project)
    one, two = factories.model_version(project, base), factories.model_version(project, base)
    generation = factories.generation_run(project, factories.heldout_set(project, prompts=1), one, two)
    rubric = factories.rubric_version(project, applies_to="outputs")
    round = factories.grading_round(generation, rubric)
    for n, item in enumerate(round.items.all(), start=1):
        taken = GradeAssignment.objects.create(
            item=item, slot=0, holder=people.reviewer, state="submitted", lease_expires_at=timezone.now()
        )
        grade = Grade.objects.create(
            assignment=taken, output=item.output, round=round, grader=people.reviewer, rubric_version=rubric,
            idempotency_key=factories.uuid.uuid4(),
        )  # fmt: skip
        audit.record(
            actor=people.reviewer, action="grade.lock", project="letters", target_type="grade", target_id=grade.pk
        )
        events_announce()
        assert hook.deliveries.filter(event="round.complete").count() == (1 if n == 2 else 0)

    assert set(hook.deliveries.get().payload["object"]) == {"type", "id", "url", "api_url", "number"}


def test_only_what_was_asked_for_and_happened_since_is_told(
    project: Project, people: SimpleNamespace, receiver: Receiver
) -> None:
    events_announce()
    _feedback(project)
    webhooks.webhook_create(project=project, url=receiver.url, events=EVENTS, created_by=people.lead)
    webhooks.webhook_create(project=project, url=receiver.url, events=["run.failed"], created_by=people.lead)

    events_announce()

    assert not Delivery.objects.exists()


# ---- what goes wrong


@pytest.mark.parametrize(("status", "words"), [(500, "500"), (404, "404"), (302, "redirects")])
def test_another_answer_is_tried_again_later(
    hook: Webhook, project: Project, receiver: Receiver, status: int, words: str
) -> None:
    receiver.status = status
    receiver.location = receiver.url if status == 302 else ""
    _feedback(project)

    _work()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.response_code, delivery.attempts) == ("waiting", status, 1)
    assert words in delivery.error
    assert timezone.now() < delivery.due_at < timezone.now() + timedelta(seconds=31)
    assert len(receiver.got) == 1, "a redirect is not followed"
    assert _work() == 0, "not before its time"
    receiver.status = 200
    _due_now()
    assert _work() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    assert Webhook.objects.get().failures == 0


def test_an_answer_that_never_ends_is_cut_off(hook: Webhook, project: Project, receiver: Receiver) -> None:
    receiver.drip_seconds = 30.0
    _feedback(project)
    began = time.monotonic()

    _work()

    assert Delivery.objects.get().error
    assert Delivery.objects.get().response_code is None
    assert time.monotonic() - began < 25, "the dripping server was waited for"


def test_nobody_listens(hook: Webhook, project: Project) -> None:
    Webhook.objects.update(url="http://127.0.0.1:9/hook")
    _feedback(project)

    _work()

    assert "No connection" in Delivery.objects.get().error


def test_after_the_last_attempt_it_is_given_up_and_may_be_sent_again(
    hook: Webhook, project: Project, people: SimpleNamespace, receiver: Receiver
) -> None:
    receiver.status = 500
    _feedback(project)
    for _ in range(len(deliveries.BACKOFF) + 1):
        _due_now()
        _work()
    delivery = Delivery.objects.select_related("webhook__project").get()
    assert (delivery.state, delivery.attempts) == ("failed", 7)
    _due_now()
    assert _work() == 0

    receiver.status = 200
    deliveries.delivery_redeliver(delivery=delivery, asked_by=people.lead)
    assert _work() == 1
    delivery.refresh_from_db()
    assert delivery.state == "delivered"


def test_a_webhook_that_keeps_failing_is_paused_and_waits(
    hook: Webhook, project: Project, people: SimpleNamespace, receiver: Receiver
) -> None:
    Webhook.objects.update(failures=deliveries.PAUSE_AFTER - 1)
    receiver.status = 500
    _feedback(project)
    _work()
    hook.refresh_from_db()
    assert hook.paused_at is not None
    assert AuditEvent.objects.filter(action="webhook.pause", actor=None).exists()

    receiver.status = 200
    _feedback(project)
    _due_now()
    assert _work() == 0

    webhooks.webhook_resume(webhook=hook, resumed_by=people.lead)
    assert _work() == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_a_killed_worker_loses_nothing_and_repeats_nothing(
    hook: Webhook, project: Project, receiver: Receiver, settings: Any
) -> None:
    _feedback(project)
    events_announce()
    job = Job.objects.get(path="reviewapp.api.jobs.deliver")
    Job.objects.filter(pk=job.pk).update(
        state="running", token=factories.uuid.uuid4(), heartbeat_at=timezone.now() - timedelta(hours=1)
    )
    assert events_announce() == 0, "in the hands of a job"

    jobs.reconcile()
    jobs.execute(job.pk)
    assert len(receiver.got) == 1

    # killed after the answer came and before the row of the job was closed: it runs again and sends nothing
    again = factories.job(path="reviewapp.api.jobs.deliver", kwargs={"delivery_id": Delivery.objects.get().pk})
    jobs.execute(again.pk)
    assert len(receiver.got) == 1
    assert Job.objects.get(pk=again.pk).state == "succeeded"
    assert deliver.__name__ == "deliver"


def test_the_log_is_read_once_even_when_the_clock_is_killed(hook: Webhook, project: Project, monkeypatch: Any) -> None:
    """Where it stands and what it wrote are one transaction."""
    _feedback(project)

    def killed(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("reviewapp.api.models.Announcer.save", killed)
        with pytest.raises(KeyboardInterrupt):
            events_announce()
    assert not Delivery.objects.exists()

    events_announce()
    assert Delivery.objects.count() == 1


def test_a_removed_webhook_is_told_nothing(
    hook: Webhook, project: Project, people: SimpleNamespace, receiver: Receiver
) -> None:
    _feedback(project)
    events_announce()
    webhooks.webhook_remove(webhook=hook, removed_by=people.lead)

    _work()

    assert receiver.got == []


# ---- where it may go


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_outer_addresses_are(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/hook", "https"),
        ("ftp://example.org/hook", "https"),
        ("file:///etc/passwd", "not an address"),
        ("https://", "not an address"),
        ("https://example.org:99999/", "not an address"),
        ("https://a:b@example.org/", "user name"),
        ("https://example.org/\r\nX: y", "not an address"),
        ("https://127.0.0.1/hook", "inner"),
        ("https://[::1]/hook", "inner"),
        ("https://localhost/hook", "inner"),
        ("https://2130706433/hook", "inner"),
        ("https://0x7f.1/hook", "inner"),
    ],
)
def test_an_address_that_may_not_be_reached_is_refused(
    project: Project, people: SimpleNamespace, settings: Any, url: str, words: str
) -> None:
    settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = False

    with pytest.raises(ApplicationError, match=words):
        webhooks.webhook_create(project=project, url=url, events=EVENTS, created_by=people.lead)

    assert not Webhook.objects.exists()


def test_an_address_that_turns_inner_later_is_not_reached(
    hook: Webhook, project: Project, receiver: Receiver, settings: Any
) -> None:
    _feedback(project)
    settings.WEBHOOKS_ALLOW_PRIVATE = False

    _work()

    assert receiver.got == []
    assert "inner address" in Delivery.objects.get().error


# ---- the pages


def test_a_lead_sets_one_up_and_sees_what_was_sent(
    client_for: ClientFor, people: SimpleNamespace, project: Project, receiver: Receiver
) -> None:
    events_announce()
    client = client_for(people.lead)
    made = client.post(PAGE, {"url": receiver.url, "events": ["feedback.received"]})
    secret = made.context["secret"]
    hook = Webhook.objects.get()

    assert secret == deliveries.secret_of(hook)
    assert secret not in client.get(PAGE).content.decode()
    assert secret not in str(vars(hook)), "the database alone must not sign"
    receiver.status = 503
    _feedback(project)
    _work()
    log = client.get(f"{PAGE}{hook.pk}/").content.decode()
    assert "503" in log and "feedback.received" in log
    receiver.status = 200
    assert client.post(f"/projects/letters/api/deliveries/{Delivery.objects.get().pk}/redeliver/").status_code == 302
    assert _work() == 1
    assert "Delivered" in client.get(f"{PAGE}{hook.pk}/").content.decode()
    for act in ("pause", "resume", "remove"):
        assert client.post(f"{PAGE}{hook.pk}/{act}/").status_code == 302
    assert client.get(f"{PAGE}{hook.pk}/").status_code == 404
    acts = AuditEvent.objects.filter(action__startswith="webhook.").values_list("action", flat=True)
    assert [act.partition(".")[2] for act in acts] == ["create", "redeliver", "pause", "resume", "remove"]


def test_a_refused_address_stays_on_the_page(
    client_for: ClientFor, people: SimpleNamespace, project: Project, settings: Any
) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = False

    response = client_for(people.lead).post(PAGE, {"url": "https://127.0.0.1/<b>", "events": ["run.failed"]})

    assert response.status_code == 422
    assert b"inner address" in response.content
    assert b"127.0.0.1/&lt;b&gt;" in response.content


def test_the_log_asks_the_database_a_fixed_number_of_times(
    client_for: ClientFor, people: SimpleNamespace, hook: Webhook, django_assert_max_num_queries: Any
) -> None:
    for n in range(30):
        Delivery.objects.create(webhook=hook, event="run.failed", key=f"k{n}", payload={})
    client = client_for(people.lead)

    with django_assert_max_num_queries(8):
        client.get(f"{PAGE}{hook.pk}/")
    with django_assert_max_num_queries(7):
        client.get(PAGE)


def test_a_payload_is_json_of_ids_and_addresses(hook: Webhook, project: Project) -> None:
    _feedback(project)
    events_announce()

    payload = json.loads(json.dumps(Delivery.objects.get().payload))

    assert set(payload) == {"event", "key", "at", "project", "object"}
