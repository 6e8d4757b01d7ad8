"""Choosing a small set: `make bench-selection`.

Documents of about 1.5 KB are generated with a fixed seed (a Zipf vocabulary in 200 topics, some boilerplate).
``parts``: CPU seconds of relevance to 50 golden examples, of the quality figures and of choosing 5,000 of 50,000, each
beside a baseline of the same run. ``job``: a selection by the worker's own code on a new SQLite database, with the
peak of its memory. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
GOLDEN, TOPICS, WORDS, VOCABULARY = 50, 200, 215, 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--size", type=int, default=5_000)
    parser.add_argument("--job", action="store_true", help="only the job, in this process")
    parser.add_argument("--parts", action="store_true", help="only the parts, in this process")
    given = parser.parse_args()
    if given.job or given.parts:
        show(json.dumps((job if given.job else parts)(given.samples, given.size)))
        return
    found = {name: _apart(name, given.samples, given.size) for name in ("parts", "job")}
    show(table(found))
    show(json.dumps(found | {"cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1)}))


def _apart(name: str, samples: int, size: int) -> dict[str, Any]:
    """In a process of its own, on one thread: a peak of memory belongs to one thing only."""
    command = [sys.executable, __file__, f"--{name}", "--samples", str(samples), "--size", str(size)]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(command, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def texts(n: int) -> list[str]:
    """``n`` documents of about 1.5 KB."""
    mind = np.random.default_rng(1)
    names = np.array([_word(number) for number in range(VOCABULARY)])
    common = 1 / np.arange(1, VOCABULARY + 1)
    own = [mind.choice(VOCABULARY, size=300, replace=False) for _ in range(TOPICS)]
    usual = mind.choice(VOCABULARY, size=n * WORDS, p=common / common.sum()).reshape(n, WORDS)
    made = []
    for number in range(n):
        words = usual[number].copy()
        at = mind.random(WORDS) < 0.35
        words[at] = mind.choice(own[number % TOPICS], size=int(at.sum()))
        lines = np.split(names[words], range(12, WORDS, 12))
        made.append(f"Visit {number}. " + ". ".join(" ".join(line).capitalize() for line in lines) + ".")
    return made


def _word(number: int) -> str:
    digest = hashlib.blake2b(str(number).encode(), digest_size=8).hexdigest()
    letters = "etaoinshrdlucmfw"
    return "".join(letters[int(digit, 16)] for digit in digest)[: 3 + number % 7]


def clocked(act: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = act()
    return round(time.process_time() - began, 2), result


def parts(n: int, size: int) -> dict[str, Any]:
    from reviewapp.curation.choosing import Pool, Quota, choose, cover_of
    from reviewapp.curation.learning import k_center
    from reviewapp.curation.meaning_fit import projection_fit, vectors_of
    from reviewapp.curation.quality import default_scores, features_of, figures_of, usual_of
    from reviewapp.curation.relevance import relevance_of

    made = texts(n)
    halves = [(text[:900], text[900:]) for text in made]
    quality_s, figures = clocked(lambda: np.array([figures_of(*both) for both in halves]))
    quality = default_scores(features_of(figures, usual_of(figures)))
    fit_s, projection = clocked(lambda: projection_fit(made))
    vectors_s, vectors = clocked(lambda: vectors_of(projection, made))
    golden = vectors[np.linspace(0, n - 1, GOLDEN).astype(int)]
    relevance_s, (relevance, _nearest) = clocked(lambda: relevance_of(vectors, golden))
    groups = Quota("group", [(number // 7,) for number in range(n)], 5)
    pool = Pool(vectors=vectors, values=(quality + relevance) / 2, quotas=[groups])
    choose_s, choice = clocked(lambda: choose(pool, size, 1 / 3))
    center_s, center = clocked(lambda: k_center(vectors, vectors[:1], size))
    chosen = [one.row for one in choice.chosen]
    drawn = np.random.default_rng(0).choice(n, size=len(chosen), replace=False).tolist()
    looked_at = range(0, n, max(1, n // 2_000))
    return {
        "samples": n, "size": size, "mean_bytes": round(sum(map(len, made)) / n), "relevance_s": relevance_s,
        "quality_s": quality_s, "choose_s": choose_s, "plain_k_center_s": center_s, "index_fit_s": fit_s,
        "index_vectors_s": vectors_s, **_baseline(made), "kept": len(chosen),
        "cover": {name: cover_of(vectors, rows, looked_at)[0]
                  for name, rows in (("chosen", chosen), ("k_center", center), ("random", drawn))},
        "relevance_kept": round(float(np.median(relevance[chosen])), 3),
        "relevance_all": round(float(np.median(relevance)), 3),
    }  # fmt: skip


def _baseline(made: list[str]) -> dict[str, Any]:
    """Relevance from the texts by scikit-learn, where it is installed (it is no dependency of the application)."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        return {"sklearn_relevance_s": None}

    def relevance() -> Any:
        rows = TfidfVectorizer(dtype=np.float32).fit_transform(made)
        golden = rows[np.linspace(0, len(made) - 1, GOLDEN).astype(int)]
        return (rows @ golden.T).max(axis=1)

    return {"sklearn_relevance_s": clocked(relevance)[0]}


def job(n: int, size: int) -> dict[str, Any]:
    """The job as a worker does it, twice: with the index to be made, and with the index there."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        os.environ |= {"COUNTERSIGN_STATE_DIR": folder, "DEBUG": "True", "DJANGO_SETTINGS_MODULE": "reviewapp.settings"}
        os.environ.pop("DATABASE_URL", None)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        _project_make(n)
        before = _peak()
        first_s, first = clocked(lambda: _selection_make(size))
        peak_index = _peak()
        second_s, second = clocked(lambda: _selection_make(size))
        return {
            "samples": n, "kept": second.counts["kept"], "with_index_to_make_s": first_s, "with_index_s": second_s,
            "same_hash": first.content_hash == second.content_hash, "megabytes_before": before,
            "megabytes_peak_index": peak_index, "megabytes_peak": _peak(), "reasons": second.counts["reasons"],
        }  # fmt: skip


def _project_make(n: int) -> None:
    from reviewapp.curation.models import GoldenExample
    from reviewapp.samples.models import Revision, Sample, SampleGroup
    from tests import factories

    project = factories.project("bench")
    lead = factories.member(project, "lead")
    groups = SampleGroup.objects.bulk_create(SampleGroup(project=project, key=f"g{k}") for k in range(n // 7 + 1))
    made = texts(n)
    for start in range(0, n, 2_000):
        numbers = range(start, min(n, start + 2_000))
        samples = Sample.objects.bulk_create(
            Sample(
                project=project, group=groups[k // 7], external_id=f"s{k}", state=Sample.State.READY,
                row_hash=factories.sha(f"row {k}"), language="en" if k % 5 else "de",
            )
            for k in numbers
        )  # fmt: skip
        revisions = Revision.objects.bulk_create(
            Revision(
                sample=sample, number=1, prompt=made[k][:900], completion=made[k][900:], reason="import",
                content_hash=factories.sha(made[k]),
            )
            for k, sample in zip(numbers, samples, strict=True)
        )  # fmt: skip
        for sample, revision in zip(samples, revisions, strict=True):
            sample.revision = revision
        Sample.objects.bulk_update(samples, ["revision"], batch_size=500)
    rows = Sample.objects.order_by("pk")[:: max(1, n // GOLDEN)]
    GoldenExample.objects.bulk_create(GoldenExample(project=project, sample=one, marked_by=lead) for one in rows)


def _selection_make(size: int) -> Any:
    from reviewapp.core import jobs
    from reviewapp.curation import services
    from reviewapp.curation.models import Selection
    from reviewapp.curation.selecting import Config
    from reviewapp.projects.models import Project

    project = Project.objects.get(slug="bench")
    by = project.memberships.get().user
    config = Config(size=size, quotas={"group": 5, "language": size * 9 // 10})
    asked = services.selection_request(project=project, config=config, requested_by=by)
    jobs.execute(asked.job.pk)  # type: ignore[union-attr]
    made = Selection.objects.select_related("job").get(pk=asked.pk)
    if made.made_at is None:
        raise SystemExit(made.job.traceback or made.job.message)  # type: ignore[union-attr]
    return made


def _peak() -> int:
    """Megabytes that this process held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def table(found: dict[str, Any]) -> str:
    a, b = found["parts"], found["job"]
    plain = a["sklearn_relevance_s"]
    lines = [
        f"{a['samples']:,} documents of {a['mean_bytes']:,} bytes, CPU seconds on one thread",
        f"{'relevance to 50 golden examples, with the index':>60} {a['relevance_s']:>8}",
        f"{'the index from nothing (fit + vectors)':>60} {a['index_fit_s'] + a['index_vectors_s']:>8.2f}",
        f"{'TF-IDF and cosine by scikit-learn from the texts':>60} {'-' if plain is None else plain:>8}",
        f"{'quality figures':>60} {a['quality_s']:>8}",
        f"{'choosing {:,}'.format(a['size']):>60} {a['choose_s']:>8}",
        f"{'plain k-center, {:,}'.format(a['size']):>60} {a['plain_k_center_s']:>8}",
        f"{'mean distance to the nearest kept: chosen, k-center, random':>60} "
        + ", ".join(str(value) for value in a["cover"].values()),
        f"{'median relevance: kept, all':>60} {a['relevance_kept']}, {a['relevance_all']}",
        "the job on SQLite",
        f"{'with the index to make':>60} {b['with_index_to_make_s']:>8}",
        f"{'with the index there':>60} {b['with_index_s']:>8}",
        f"{'peak MB: before, making the index, in all':>60} {b['megabytes_before']}, {b['megabytes_peak_index']}, "
        f"{b['megabytes_peak']}",
        f"{'same content hash twice':>60} {b['same_hash']}",
    ]
    return "\n".join(lines) + "\n"


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
