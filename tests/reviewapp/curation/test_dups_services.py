"""Clusters and what is decided about them, the limit, declared benchmarks: rows in a database."""

from __future__ import annotations

import io
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation import services
from reviewapp.curation.checks.finding import NEAR_LIMIT
from reviewapp.curation.duplicates import clusters as duplicates
from reviewapp.curation.models import Benchmark, DuplicateDecision, DuplicateLimit, Finding
from reviewapp.curation.services.duplicates import ConfirmationNeeded
from reviewapp.projects.models import Project
from reviewapp.reviews.services import bulk
from reviewapp.samples.models import BulkAct, Sample
from reviewapp.trainingsets import contamination
from tests import factories
from tests.reviewapp.curation.test_dups import NOTE, texts

State = Finding.State
COPIES = {
    "a": NOTE,
    "b": NOTE.replace("400", "600"),
    "c": NOTE.replace("Ada Bell", "Eve Stone"),
    "x": texts(1)[0],
    "x2": texts(1)[0],
    "x3": texts(1)[0].upper(),
    "z": texts(1, seed=5)[0],
}


def scan(project: Project, by: Any) -> None:
    asked = services.scan_request(project=project, requested_by=by)
    assert asked.job is not None
    jobs.execute(asked.job.pk)
    asked.job.refresh_from_db()
    assert asked.job.state == "succeeded", asked.job.message


@pytest.fixture
def pool(project: Project, people: SimpleNamespace) -> dict[str, Sample]:
    """Two clusters, one near and one exact, and a sample by itself; scanned."""
    made = {
        name: factories.sample(project, prompt=text, completion="Seen.", external_id=name)
        for name, text in COPIES.items()
    }
    scan(project, people.engineer)
    return made


def cluster(sample: Sample) -> duplicates.Cluster:
    found = duplicates.cluster_of(sample.project, sample.pk)
    assert found is not None
    return found


def decide(sample: Sample, keep: list[Sample] | None, by: Any, **values: Any) -> DuplicateDecision:
    given = {"seal": cluster(sample).seal, "idempotency_key": uuid.uuid4(), **values}
    kept = None if keep is None else [one.pk for one in keep]
    return services.duplicates_decide(project=sample.project, sample_id=sample.pk, keep=kept, decided_by=by, **given)


def states(project: Project) -> dict[str, str]:
    return dict(Sample.objects.filter(project=project).values_list("external_id", "state"))


def open_pairs(project: Project) -> set[tuple[str, str]]:
    rows = duplicates.findings_open(project)
    return set(rows.values_list("sample__external_id", "related_sample__external_id"))


def everything(project: Project) -> list[Any]:
    columns = ("pk", "state", "withdrawn_reason", "withdrawn_by", "revision")
    findings = Finding.objects.filter(sample__project=project).exclude(state=State.GONE)
    return [
        list(Sample.objects.filter(project=project).order_by("pk").values_list(*columns)),
        list(findings.order_by("pk").values_list("pk", "state", "reason")),
    ]


# ---- clusters


def test_clusters_are_read_from_the_open_findings(pool: dict[str, Sample]) -> None:
    near, exact = cluster(pool["b"]), cluster(pool["x3"])
    assert near.members == tuple(pool[name].pk for name in "abc")
    assert set(near.kinds) == {"near_numbers", "near_names"} and not near.is_exact
    assert exact.members == tuple(pool[name].pk for name in ("x", "x2", "x3")) and exact.is_exact
    assert cluster(pool["a"]) == near
    assert duplicates.cluster_of(pool["z"].project, pool["z"].pk) is None
    assert [duplicates.kind_of(chain) for chain in duplicates.chains_of(pool["a"].project)] == ["near", "exact"]


def test_exact_copies_are_a_cluster_of_their_own(pool: dict[str, Sample]) -> None:
    factories.finding(
        pool["z"], check_name="near_duplicates", kind="near_duplicate", related_sample=pool["x"], start=None, end=None,
        suggestion=None, score=0.8,
    )  # fmt: skip
    exact, near = cluster(pool["x2"]), cluster(pool["z"])
    assert exact.is_exact and len(exact.members) == 3
    assert near.members == (pool["x"].pk, pool["z"].pk)
    assert cluster(pool["x"]) in (exact, near)
    assert duplicates.exact_preview(pool["x"].project)[1] == 1
    chains = duplicates.chains_of(pool["x"].project)
    assert duplicates.next_after(chains, exact) == near.key


def test_a_chain_of_small_steps_is_cut_and_no_finding_is_lost(project: Project) -> None:
    words = [f"word{n}" for n in range(400)]
    samples = [
        factories.sample(
            project, prompt=" ".join(words[20 * step : 20 * step + 100]), completion="", external_id=f"c{step}"
        )
        for step in range(8)
    ]
    for before, after in zip(samples, samples[1:], strict=False):
        factories.finding(
            after, check_name="near_duplicates", kind="near_duplicate", related_sample=before, start=None, end=None,
            suggestion=None, score=0.7,
        )  # fmt: skip
    (chain,) = duplicates.chains_of(project)
    clusters = duplicates.clusters_in([chain])
    assert len(clusters) > 1
    assert {key for one in clusters for key in one.members} == {sample.pk for sample in samples}
    assert len({one.key for one in clusters}) == len(clusters)
    for one in clusters:
        assert duplicates.cluster_of(project, one.key) == one


def test_the_one_to_keep_is_accepted_else_the_whole_else_the_first(project: Project) -> None:
    first, second = factories.sample(project), factories.sample(project, prompt=NOTE * 3)
    kinds = duplicates.Cluster(key=1, members=(), kinds=duplicates.Counter(["near_numbers"])).kinds
    assert duplicates.suggestion_of([first, second], kinds) == first
    assert duplicates.suggestion_of([first, second], duplicates.Counter(["contained_duplicate"])) == second
    accepted = factories.sample(project, state="accepted")
    assert duplicates.suggestion_of([first, second, accepted], kinds) == accepted


# ---- decisions


def test_keeping_one_withdraws_the_others_and_names_it(pool: dict[str, Sample], people: SimpleNamespace) -> None:
    project = pool["a"].project
    before = everything(project)
    made = decide(pool["b"], [pool["b"]], people.lead)
    assert {name: state for name, state in states(project).items() if state == "rejected"} == {
        "a": "rejected",
        "c": "rejected",
    }
    pool["a"].refresh_from_db()
    assert (pool["a"].withdrawn_by, pool["a"].withdrawn_reason) == (people.lead, "A duplicate of b, which was kept.")
    assert open_pairs(project) == {("x2", "x"), ("x3", "x")}
    assert (made.act, made.kept, len(made.withdrawn)) == ("keep_one", [pool["b"].pk], 2)
    event = AuditEvent.objects.get(action="duplicates.decide")
    assert (event.target_id, event.data["withdrawn"]) == (str(made.pk), 2)

    services.duplicates_undo(decision=made, undone_by=people.lead2)
    assert everything(project) == before
    again = services.duplicates_undo(decision=made, undone_by=people.lead2)
    assert (again.undone, again.undone_by) == (2, people.lead2)
    assert AuditEvent.objects.filter(action="duplicates.undo").count() == 1


def test_a_scan_after_a_decision_finds_nothing_new_and_after_its_undo_the_same(
    pool: dict[str, Sample], people: SimpleNamespace
) -> None:
    project = pool["a"].project
    pairs = open_pairs(project)
    made = decide(pool["a"], [pool["b"], pool["c"]], people.lead)
    assert made.act == "keep_chosen"
    scan(project, people.engineer)
    assert open_pairs(project) == {("x2", "x"), ("x3", "x")}
    assert duplicates.cluster_of(project, pool["b"].pk) is None
    services.duplicates_undo(decision=made, undone_by=people.lead)
    scan(project, people.engineer)
    assert open_pairs(project) == pairs


def test_keeping_all_dismisses_and_stays_so(pool: dict[str, Sample], people: SimpleNamespace) -> None:
    project = pool["a"].project
    pairs = open_pairs(project)
    made = decide(pool["a"], None, people.annotator)
    assert (made.act, made.withdrawn) == ("keep_all", {})
    assert "rejected" not in states(project).values()
    dismissed = Finding.objects.filter(sample__project=project, state=State.DISMISSED)
    assert {finding.decided_by for finding in dismissed} == {people.annotator}
    scan(project, people.engineer)
    assert open_pairs(project) == {("x2", "x"), ("x3", "x")}
    services.duplicates_undo(decision=made, undone_by=people.annotator)
    scan(project, people.engineer)
    assert open_pairs(project) == pairs


def test_the_same_key_decides_once_and_an_old_page_decides_nothing(
    pool: dict[str, Sample], people: SimpleNamespace
) -> None:
    key, seal = uuid.uuid4(), cluster(pool["a"]).seal
    made = decide(pool["a"], [pool["a"]], people.lead, idempotency_key=key)
    again = services.duplicates_decide(
        project=pool["a"].project, sample_id=pool["a"].pk, seal=seal, keep=[pool["b"].pk], decided_by=people.lead,
        idempotency_key=key,
    )  # fmt: skip
    assert again == made
    with pytest.raises(ApplicationError, match="changed since"):
        decide(pool["x"], [pool["x"]], people.lead, seal="0" * 16)
    with pytest.raises(ApplicationError, match="at least one"):
        decide(pool["x"], [pool["a"]], people.lead)
    assert DuplicateDecision.objects.count() == 1


def test_judged_samples_go_only_after_a_second_yes(pool: dict[str, Sample], people: SimpleNamespace) -> None:
    Sample.objects.filter(pk=pool["c"].pk).update(state="accepted")
    with pytest.raises(ConfirmationNeeded, match="judged") as asked:
        decide(pool["a"], [pool["a"]], people.lead)
    assert asked.value.samples == [pool["c"]]
    assert states(pool["a"].project)["c"] == "accepted"
    made = decide(pool["a"], [pool["a"]], people.lead, is_confirmed=True)
    assert states(pool["a"].project)["c"] == "rejected"
    services.duplicates_undo(decision=made, undone_by=people.lead)
    assert states(pool["a"].project)["c"] == "accepted"


def test_leased_and_heldout_samples_never_go(pool: dict[str, Sample], people: SimpleNamespace) -> None:
    version = factories.rubric_version(pool["a"].project, used=True)
    factories.assignment(pool["b"], people.reviewer, version)
    with pytest.raises(ApplicationError, match="Reviewer is reviewing b now"):
        decide(pool["a"], [pool["a"]], people.lead, is_confirmed=True)
    Sample.objects.filter(pk=pool["x2"].pk).update(split="heldout")
    with pytest.raises(ApplicationError, match="held-out"):
        decide(pool["x"], [pool["x"]], people.lead)
    assert "rejected" not in states(pool["a"].project).values()


def test_an_undo_leaves_what_others_changed_since(pool: dict[str, Sample], people: SimpleNamespace) -> None:
    made = decide(pool["a"], [pool["a"]], people.lead)
    Sample.objects.filter(pk=pool["b"].pk).update(state="ready", withdrawn_at=None)
    done = services.duplicates_undo(decision=made, undone_by=people.lead)
    assert done.undone == 1
    assert states(pool["a"].project)["c"] == "ready"


def test_the_first_of_each_exact_cluster_is_kept(pool: dict[str, Sample], people: SimpleNamespace) -> None:
    project = pool["a"].project
    before = everything(project)
    (row,), total = duplicates.exact_preview(project)
    assert (row.keep, row.go, row.left, total) == (pool["x"], [pool["x2"], pool["x3"]], {}, 1)
    with pytest.raises(ApplicationError, match="Nothing was done"):
        services.exact_keep_first(project=project, n=5, decided_by=people.lead, idempotency_key=uuid.uuid4())
    key = uuid.uuid4()
    made = services.exact_keep_first(project=project, n=2, decided_by=people.lead, idempotency_key=key)
    assert services.exact_keep_first(project=project, n=2, decided_by=people.lead, idempotency_key=key) == made
    pool["x3"].refresh_from_db()
    assert pool["x3"].withdrawn_reason == "The same text as x, which was kept."
    assert (made.act, made.clusters, len(made.withdrawn)) == ("keep_first", 1, 2)
    services.duplicates_undo(decision=made, undone_by=people.lead)
    assert everything(project) == before


def test_the_act_on_all_keeps_an_accepted_copy_and_leaves_judged_ones(
    pool: dict[str, Sample], people: SimpleNamespace
) -> None:
    Sample.objects.filter(pk__in=[pool["x2"].pk, pool["x3"].pk]).update(state="accepted")
    (row,), _ = duplicates.exact_preview(pool["a"].project)
    assert row.keep == pool["x2"]
    assert row.go == [pool["x"]]
    assert list(row.left) == [duplicates.JUDGED_ALREADY]
    made = services.exact_keep_first(
        project=pool["a"].project, n=1, decided_by=people.lead, idempotency_key=uuid.uuid4()
    )
    assert made.left == {duplicates.JUDGED_ALREADY: 1}
    assert states(pool["a"].project)["x3"] == "accepted"


def test_withdrawing_in_bulk_is_the_same_act(pool: dict[str, Sample], people: SimpleNamespace) -> None:
    """Reviews withdraws by the same service: findings close and come back."""
    project = pool["a"].project
    before = open_pairs(project)
    chosen = bulk.Chosen(n=1, ids=[pool["b"].pk])
    done: BulkAct = bulk.bulk_act(
        project=project, act="withdraw", chosen=chosen, given="Not ours.", done_by=people.lead,
        idempotency_key=uuid.uuid4(),
    )  # fmt: skip
    pool["b"].refresh_from_db()
    assert (pool["b"].state, pool["b"].withdrawn_reason) == ("rejected", "Not ours.")
    assert all("b" not in pair for pair in open_pairs(project))
    bulk.bulk_undo(act=done, undone_by=people.lead)
    assert open_pairs(project) == before


# ---- the limit


def test_the_limit_that_a_lead_sets_is_used_by_the_next_scan(project: Project, people: SimpleNamespace) -> None:
    whole = factories.sample(project, prompt=NOTE, completion="", external_id="whole")
    part = factories.sample(project, prompt=NOTE[: int(0.62 * len(NOTE))], completion="", external_id="part")
    scan(project, people.engineer)
    assert open_pairs(project) == set()
    services.limit_set(project=project, limit=0.55, set_by=people.lead)
    scan(project, people.engineer)
    assert open_pairs(project) == {("part", "whole")}
    assert duplicates.cluster_of(project, part.pk) == duplicates.cluster_of(project, whole.pk)
    services.limit_set(project=project, limit=0.8, set_by=people.lead2)
    scan(project, people.engineer)
    assert open_pairs(project) == set()
    assert list(duplicates.limits_set(project).values_list("limit", "set_by__username")) == [
        (0.8, "lead2"),
        (0.55, "lead"),
    ]


def test_a_limit_is_set_within_bounds_and_once(project: Project, people: SimpleNamespace) -> None:
    for wrong in (0.49, 0.96, -1.0, float("nan")):
        with pytest.raises(ApplicationError, match="50% and 95%"):
            services.limit_set(project=project, limit=wrong, set_by=people.lead)
    assert duplicates.near_limit(project) == NEAR_LIMIT
    for _ in range(2):
        services.limit_set(project=project, limit=0.6, set_by=people.lead)
    assert DuplicateLimit.objects.count() == 1
    assert AuditEvent.objects.get(action="limit.set").data == {"before": NEAR_LIMIT, "limit": 0.6}


def test_a_measurement_is_kept_and_needs_enough_samples(project: Project, people: SimpleNamespace) -> None:
    key = uuid.uuid4()
    with pytest.raises(ApplicationError, match="At least 20"):
        services.limit_measure(project=project, measured_by=people.lead, idempotency_key=key)
    for text in texts(25):
        factories.sample(project, prompt=text, completion="Seen.")
    made = services.limit_measure(project=project, measured_by=people.lead, idempotency_key=key)
    assert services.limit_measure(project=project, measured_by=people.lead, idempotency_key=key) == made
    assert made.result["n"] == 25 and made.result["available"] == 25
    row = services.limit_set(project=project, limit=0.6, set_by=people.lead)
    assert row.measurement == made


def test_open_duplicates_are_not_taken_for_strangers(
    project: Project, people: SimpleNamespace, pool: dict[str, Sample]
) -> None:
    for text in texts(25, seed=3):
        factories.sample(project, prompt=text, completion="Seen.")
    made = services.limit_measure(project=project, measured_by=people.lead, idempotency_key=uuid.uuid4())
    assert made.result["available"] == 28  # of b, c, x2 and x3 each is a duplicate of another
    assert {row["others"] for row in made.result["rows"]} == {0}
    decide(pool["a"], None, people.lead)
    again = services.limit_measure(project=project, measured_by=people.lead, idempotency_key=uuid.uuid4())
    assert again.result["available"] == 30
    assert again.result["rows"][0]["others"] == 3


# ---- benchmarks

ASKED = "How many ducks does Janet sell at the market on Monday morning in all?"
FILE = f"question,answer\n{ASKED},18\n{NOTE.replace(',', '')},x\n"


def declare(project: Project, by: Any, name: str = "Ducks", content: bytes = FILE.encode(), **values: Any) -> Benchmark:
    given = {"file_name": "ducks.csv", "idempotency_key": uuid.uuid4(), **values}
    return services.benchmark_declare(project=project, name=name, content=io.BytesIO(content), declared_by=by, **given)


def test_a_declared_benchmark_is_found_and_blocks_freezing(project: Project, people: SimpleNamespace) -> None:
    leaked = factories.sample(
        project, prompt=NOTE.replace(",", ""), completion="x", state="accepted", external_id="leak"
    )
    clean = factories.sample(project, prompt=texts(1)[0], completion="y", state="accepted", external_id="clean")
    items = [contamination_text(leaked), contamination_text(clean)]
    assert contamination.check_texts(project, items).pairs == []
    before = contamination.key_of(project, items)
    made = declare(project, people.lead)
    assert (made.rows, made.file_name, len(made.file_sha256)) == (2, "ducks.csv", 64)
    assert b"ducks" not in bytes(made.fingerprints)
    check = contamination.check_texts(project, items)
    assert contamination.key_of(project, items) != before
    assert [(pair.kind, pair.sample, pair.heldout) for pair in check.pairs] == [
        ("benchmark_exact", "leak", "Ducks, row 2")
    ]
    assert (check.words, check.with_what) == ("1 sample overlaps", "declared benchmarks")
    assert check.of_json(check.as_json()) == check
    scan(project, people.engineer)
    finding = Finding.objects.get(check_name="benchmark_overlap")
    assert (finding.sample, finding.severity, finding.state) == (leaked, "high", State.OPEN)

    services.benchmark_remove(benchmark=made, removed_by=people.lead)
    assert contamination.key_of(project, items) == before
    scan(project, people.engineer)
    finding.refresh_from_db()
    made.refresh_from_db()
    assert (finding.state, bytes(made.fingerprints), made.removed_by) == (State.GONE, b"", people.lead)
    assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"benchmark.declare", "benchmark.remove"}


def contamination_text(sample: Sample) -> SimpleNamespace:
    text = factories.current(sample)
    return SimpleNamespace(
        sample_id=sample.pk, external_id=sample.external_id, revision_hash=text.content_hash, prompt=text.prompt,
        completion=text.completion,
    )  # fmt: skip


def test_a_benchmark_is_declared_once_by_its_name_and_key(project: Project, people: SimpleNamespace) -> None:
    key = uuid.uuid4()
    made = declare(project, people.lead, idempotency_key=key)
    assert declare(project, people.lead, idempotency_key=key) == made
    with pytest.raises(ApplicationError, match="already a benchmark"):
        declare(project, people.lead)
    services.benchmark_remove(benchmark=made, removed_by=people.lead)
    services.benchmark_remove(benchmark=made, removed_by=people.lead2)
    assert declare(project, people.lead).pk != made.pk


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.csv", b""),
        ("b.exe", b"MZ"),
        ("b.jsonl", b"PK\x03\x04 zip"),
        ("b.txt", b"\xff\xfe\xfa"),
        ("b.json", b"[" * 500),
    ],
)
def test_a_file_that_cannot_be_read_declares_nothing(
    project: Project, people: SimpleNamespace, name: str, content: bytes
) -> None:
    with pytest.raises(ApplicationError):
        declare(project, people.lead, content=content, file_name=name)
    assert not Benchmark.objects.exists()
