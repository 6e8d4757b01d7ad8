"""Vectors of a project's texts by an encoder: the job with the real trainer, and all that then goes by them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.meaning.embedded import (
    embedding_folder,
    embedding_state,
    embeddings_folder,
    encoder_in_use,
    rows_known,
    space_of,
)
from reviewapp.curation.meaning.searching import index_state, samples_similar
from reviewapp.curation.models import TextEmbedding
from reviewapp.projects.models import Project
from reviewapp.runs import embedding, launcher
from reviewapp.samples.models import Sample
from reviewapp.samples.services import revision_add
from tests import factories
from tests.reviewapp.curation.selecting import selected
from tests.reviewapp.curation.test_indexes import built

pytestmark = pytest.mark.django_db(transaction=True)
Clients = Callable[[Any], Client]

MAKE = (
    "import sys; from pathlib import Path; from tests.training.test_metrics_text import encoder_folder; "
    "encoder_folder(Path(sys.argv[1]))"
)
WORDS = ("bed", "cab", "dab", "deed", "noon", "ode", "boa", "cod", "ebb", "anode", "bacon", "deacon")


def here(test: Callable[..., None]) -> Callable[..., None]:
    """The first test starts the trainer as a worker does; for the others it is at work here."""
    return pytest.mark.slow(pytest.mark.usefixtures("trainer_here")(test))


@pytest.fixture(scope="module")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real encoder with weights at random, made in a process of its own: this one never loads torch."""
    folder = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    subprocess.run(
        [sys.executable, "-c", MAKE, str(folder)], cwd=launcher.ROOT, env=launcher.environment(os.environ), check=True
    )
    return folder


@pytest.fixture
def encoder(tiny_encoder: Path, tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "tiny-bert"
    shutil.copytree(tiny_encoder, folder)
    settings.ENCODER_MODEL = str(folder)
    return folder


@pytest.fixture
def samples(project: Project) -> list[Sample]:
    """Twelve different texts and the first once more."""
    texts = [" ".join(WORDS[(n + step) % 12] for step in range(0, 12, 1 + n % 5)) for n in range(12)]
    return [
        factories.sample(project, prompt=text, completion=f"{text} end", external_id=f"s{n}", group_key=f"g{n}")
        for n, text in enumerate([*texts, texts[0]])
    ]


def asked(project: Project, by: Any) -> tuple[TextEmbedding, Job]:
    row = services.embedding_request(project=project, requested_by=by)
    assert row.job is not None
    jobs.execute(row.job.pk)
    row.refresh_from_db()
    assert row.job_id is not None
    return row, Job.objects.get(pk=row.job_id)


def read(project: Project, by: Any) -> TextEmbedding:
    row, job = asked(project, by)
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.traceback}"
    return row


def page(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(f"curation:{name}", args=["letters", *args]))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.slow
def test_a_text_is_read_once_and_the_next_version_takes_it_over(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, settings: Any
) -> None:
    first = read(project, people.lead)
    state = embedding_state(project)
    assert state.kind == "ready" and state.embedded is not None
    assert (first.n, first.n_read, first.dimensions, first.encoder) == (13, 12, 16, "tiny-bert")
    vectors = np.array(state.embedded.vectors)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[12]) and not np.allclose(vectors[0], vectors[1], atol=1e-3)
    assert list(state.embedded.samples) == [sample.pk for sample in samples]
    assert not list(Path(settings.RUNS_DIR).glob("embedding-*"))  # they hold texts
    late = factories.sample(project, prompt="a new one", completion="noon", external_id="late", group_key="late")
    revision_add(sample=samples[1], prompt="bed no more", completion="ode", reason="edit", created_by=people.lead)
    assert embedding_state(project).behind == 2 and embedding_state(project).kind == "behind"
    second = read(project, people.lead)
    assert (second.number, second.n, second.n_read) == (2, 14, 2)
    again = embedding_state(project).embedded
    assert again is not None and again.row_of(late.pk) == 13
    assert np.array_equal(again.vectors[[0, 2, 12]], vectors[[0, 2, 12]])
    assert not np.allclose(again.vectors[1], vectors[1], atol=1e-3)
    assert list(AuditEvent.objects.filter(action="embedding.finish").values_list("data__read", flat=True)) == [12, 2]


@here
def test_a_selection_goes_by_the_encoder_where_it_has_read_all_texts(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, client_for: Clients
) -> None:
    client, golden = client_for(people.lead), samples[3]
    services.golden_mark(sample=golden, marked_by=people.lead)
    by_words = selected(project, people.lead, size=4)
    assert by_words.counts["space"] == {"kind": "absent"}
    assert "has not read these texts yet" in page(client, "selection_detail", by_words.number)
    row = read(project, people.lead)
    made = selected(project, people.lead, size=4)
    told = {"kind": "ready", "encoder": "tiny-bert", "sha256": row.encoder_sha256, "number": 1}
    assert made.counts["space"] == told
    assert "by the encoder tiny-bert" in page(client, "selection_detail", made.number)
    embedded = embedding_state(project).embedded
    assert embedded is not None
    cosines = np.array(embedded.vectors) @ np.array(embedded.vectors)[3]
    for entry in made.entries.all():
        place = embedded.row_of(entry.sample_id)
        assert entry.relevance == pytest.approx(float(cosines[place]), abs=2e-5), entry
        assert entry.golden_id == golden.pk
    spaced = {entry.sample_id: entry.relevance for entry in by_words.entries.all()}
    assert any(abs(spaced[entry.sample_id] - entry.relevance) > 0.01 for entry in made.entries.all())
    factories.sample(project, prompt="late", completion="ode", external_id="late", group_key="late")
    assert selected(project, people.lead, size=4).counts["space"] == {"kind": "behind"}


@here
def test_a_limit_of_relevance_holds_for_the_vectors_it_was_found_with(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, client_for: Clients
) -> None:
    client = client_for(people.lead)
    services.golden_mark(sample=samples[3], marked_by=people.lead)
    built(project)
    answers = {f"belongs-{sample.pk}": "yes" if n < 4 else "no" for n, sample in enumerate(samples[4:12])}
    keep = reverse("curation:relevance_limit_keep", args=["letters"])
    assert client.post(keep, answers).status_code == 302
    by_words = project.relevance_limits.get()
    assert by_words.encoder_sha256 == ""
    asked_for = 'name="least_relevance" value="'
    assert asked_for in page(client, "selection_list")
    row = read(project, people.lead)
    assert encoder_in_use(project) == row.encoder_sha256
    shown = page(client, "selection_list")
    assert asked_for not in shown and "found with other vectors" in shown
    shown = page(client, "golden_list")
    assert "found with other vectors" in shown and "by the encoder tiny-bert" in shown
    assert client.post(keep, answers).status_code == 302
    newest = project.relevance_limits.first()
    assert newest is not None and newest.encoder_sha256 == row.encoder_sha256
    assert {each["relevance"] for each in newest.judged} != {each["relevance"] for each in by_words.judged}
    assert "found with other vectors" not in page(client, "selection_list")


@here
def test_similar_samples_go_by_the_encoder(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, client_for: Clients
) -> None:
    built(project)
    read(project, people.lead)
    index, embedded = index_state(project).index, embedding_state(project).embedded
    assert index is not None and embedded is not None
    cosines = np.array(embedded.vectors) @ np.array(embedded.vectors)[5]
    cosines[5] = -1
    found = samples_similar(samples[5], index, space_of(project, index).vectors)
    assert [near.sample.pk for near in found][:3] == [samples[place].pk for place in np.argsort(-cosines)[:3]]
    assert "by the encoder tiny-bert" in page(client_for(people.lead), "similar_list", samples[5].pk)
    revision_add(sample=samples[5], prompt="bed", completion="ode", reason="edit", created_by=people.lead)
    samples[5].refresh_from_db()
    assert samples_similar(samples[5], index, embedded)  # of a text that has no vector: by the index


@here
def test_vectors_of_other_files_and_damaged_ones_are_not_used(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, client_for: Clients, settings: Any
) -> None:
    row = read(project, people.lead)
    client = client_for(people.lead)
    (encoder / "tokenizer_config.json").write_text('{"model_max_length": 8, "tokenizer_class": "BertTokenizer"}')
    assert embedding_state(project).kind == "changed" and encoder_in_use(project) == ""
    assert "of other files of the encoder" in page(client, "meaning_search")
    second = read(project, people.lead)
    assert second.n_read == 12 and second.encoder_sha256 != row.encoder_sha256 and second.n_cut > 0
    assert "only the beginning counts" in page(client, "meaning_search")
    with (embedding_folder(second) / "vectors.npy").open("ab") as file:
        file.write(b"more")
    assert embedding_state(project).kind == "damaged"
    assert "cannot be read" in page(client, "meaning_search")
    assert read(project, people.lead).n_read == 12
    settings.ENCODER_MODEL = str(encoder / "nowhere")
    assert embedding_state(project).kind == "gone" and "names a folder without" in page(client, "meaning_search")
    settings.ENCODER_MODEL = ""
    assert embedding_state(project).kind == "off" and "None is set up" in page(client, "meaning_search")


@here
def test_an_encoder_that_cannot_be_loaded_fails_with_its_reason_and_is_tried_again(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, settings: Any
) -> None:
    weights = encoder / "model.safetensors"
    weights.rename(encoder / "pytorch_model.bin")
    row, job = asked(project, people.lead)
    assert job.state == Job.State.FAILED and "can run code when opened" in job.message
    assert list(Path(settings.RUNS_DIR).glob("embedding-*/texts.jsonl"))  # for a resume
    (encoder / "pytorch_model.bin").rename(weights)
    assert jobs.retry(job=job)
    jobs.execute(job.pk)
    row.refresh_from_db()
    assert row.made_at is not None and row.n_read == 12
    assert not list(Path(settings.RUNS_DIR).glob("embedding-*"))
    weights.rename(encoder / "pytorch_model.bin")
    asked(project, people.lead)
    assert list(Path(settings.RUNS_DIR).glob("embedding-*"))
    services.embedding_remove(project=project, removed_by=people.lead)
    assert not list(Path(settings.RUNS_DIR).glob("embedding-*"))


@here
def test_many_texts_are_read_in_several_runs_in_the_order_of_samples(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(project, people.lead)
    whole = np.array(space_of(project, built_index(project)).vectors.vectors)
    services.embedding_remove(project=project, removed_by=people.lead)
    monkeypatch.setattr(embedding, "AT_ONCE", 5)
    monkeypatch.setattr(embedding, "_BLOCK", 4)
    assert read(project, people.lead).n_read == 12
    parts = np.array(space_of(project, built_index(project)).vectors.vectors)
    assert np.allclose(whole, parts, atol=1e-5)


def built_index(project: Project) -> Any:
    built(project)
    return index_state(project).index


@here
def test_vectors_are_asked_for_cancelled_and_removed_in_the_browser(
    project: Project, people: SimpleNamespace, samples: list[Sample], encoder: Path, client_for: Clients
) -> None:
    client = client_for(people.lead)
    assert "Let the encoder read the texts" in page(client, "meaning_search")
    assert "Let the encoder read the texts" not in page(client_for(people.annotator), "meaning_search")

    def post(name: str) -> str:
        response = client.post(reverse(f"curation:{name}", args=["letters"]), follow=True)
        return response.content.decode()

    assert "nothing to cancel" in post("embedding_cancel")
    assert "Cancel the reading" in post("embedding_request")
    row = TextEmbedding.objects.get()
    assert row.job is not None and row.job.queue == "training"
    assert "already at work" in post("embedding_request")
    live = reverse("curation:embedding_live", args=["letters"])
    assert client.get(live).status_code == 302
    part = client.get(live, headers={"HX-Request": "true"})
    assert part.status_code == 200 and f"Job {row.job.pk}" in part.content.decode()
    assert "Wait for it, or cancel it" in post("embedding_remove")
    assert "The encoder stops" in post("embedding_cancel")
    jobs.execute(row.job.pk)
    assert client.get(live, headers={"HX-Request": "true"}).status_code == 286
    read(project, people.lead)
    assert "In use" in page(client, "meaning_search")
    folder = embeddings_folder(project)
    assert folder.is_dir()
    assert "The vectors are removed" in post("embedding_remove")
    assert not folder.exists() and not TextEmbedding.objects.exists()
    assert "There are no vectors to remove" in post("embedding_remove")


@pytest.mark.slow
def test_without_an_encoder_or_samples_nothing_is_asked_for(
    project: Project, people: SimpleNamespace, encoder: Path, settings: Any
) -> None:
    with pytest.raises(ApplicationError, match="Import some first"):
        services.embedding_request(project=project, requested_by=people.lead)
    settings.ENCODER_MODEL = ""
    with pytest.raises(ApplicationError, match="COUNTERSIGN_ENCODER_MODEL"):
        services.embedding_request(project=project, requested_by=people.lead)


def test_rows_are_known_by_the_hash_of_their_text(tmp_path: Path) -> None:
    texts = np.array([bytes([n]) * 16 for n in (7, 3, 9)], dtype="S16")
    known = SimpleNamespace(texts=texts)
    wanted = np.array([bytes([n]) * 16 for n in (9, 1, 3, 7, 200)], dtype="S16")
    assert rows_known(known, wanted).tolist() == [2, -1, 1, 0, -1]  # type: ignore[arg-type]
    empty = SimpleNamespace(texts=texts[:0])
    assert rows_known(empty, wanted).tolist() == [-1] * 5  # type: ignore[arg-type]
