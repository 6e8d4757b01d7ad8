"""Choosing a small set: `make bench-selection`.

Documents of about 1.5 KB are generated with a fixed seed (a Zipf vocabulary in 200 topics, some boilerplate).
``parts``: CPU seconds of relevance to 50 golden examples (from nothing, and with the index there), of the quality
figures and of choosing 5,000 of 50,000, each beside a baseline of the same run. ``index`` and ``select``: a selection
by the worker's own code on a new SQLite database, with the peak of its memory. ``real``: how well relevance tells
sections of mts-dialog, where it is; with ``--encoder FOLDER`` by that encoder too. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import logging
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
DATA = ROOT.parent / "shared" / "data" / "mts-dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
GOLDEN, TOPICS, WORDS, VOCABULARY = 50, 200, 215, 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--size", type=int, default=5_000)
    parser.add_argument("--stage", choices=["parts", "real", "index", "select"], help="only that, in this process")
    parser.add_argument("--encoder", default="", help="folder of a sentence-embedding model, to be measured too")
    parser.add_argument("--folder", default="", help="of the database of the stages index and select")
    given = parser.parse_args()
    if given.stage in ("parts", "real"):
        show(json.dumps(parts(given.samples, given.size) if given.stage == "parts" else real(given.encoder)))
    elif given.stage:
        show(json.dumps(job(given.stage, given.folder, given.samples, given.size)))
    else:
        with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
            found = {name: _apart(name, given, folder) for name in ("real", "parts", "index", "select")}
        show(table(found))
        show(json.dumps(found | {"cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1)}))


def _apart(stage: str, given: argparse.Namespace, folder: str) -> dict[str, Any]:
    """In a process of its own, on one thread: a peak of memory belongs to one thing only."""
    numbers = ["--samples", str(given.samples), "--size", str(given.size), "--encoder", given.encoder]
    command = [sys.executable, __file__, "--stage", stage, "--folder", folder, *numbers]
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
    from reviewapp.curation.learning.classifier import k_center
    from reviewapp.curation.meaning.fit import evenly, projection_fit, vectors_of
    from reviewapp.curation.selections.choosing import Pool, Quota, apart_of, choose, cover_of
    from reviewapp.curation.selections.quality import default_scores, features_of, figures_of, usual_of
    from reviewapp.curation.selections.relevance import relevance_of

    made = texts(n)
    halves = [(text[:900], text[900:]) for text in made]
    quality_s, figures = clocked(lambda: np.array([figures_of(*both) for both in halves]))
    quality = default_scores(features_of(figures, usual_of(figures)))
    fit_s, projection = clocked(lambda: projection_fit(made[place] for place in evenly(n)))
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
        "relevance_from_nothing_s": round(fit_s + vectors_s + relevance_s, 2),
        "quality_s": quality_s, "choose_s": choose_s, "plain_k_center_s": center_s, "index_fit_s": fit_s,
        "index_vectors_s": vectors_s, "from_texts_s": clocked(lambda: _from_texts(made))[0],
        "kept": len(chosen),
        "cover": {name: cover_of(vectors, rows, looked_at)[0]
                  for name, rows in (("chosen", chosen), ("k_center", center), ("random", drawn))},
        "apart": {name: apart_of(vectors, rows, 2_000)
                  for name, rows in (("chosen", chosen), ("k_center", center), ("random", drawn))},
        "relevance_kept": round(float(np.median(relevance[chosen])), 3),
        "relevance_all": round(float(np.median(relevance)), 3),
    }  # fmt: skip


def _from_texts(made: list[str]) -> Any:
    """The baseline: TF-IDF of words and cosines, straight from the texts, with nothing kept."""
    import scipy.sparse as sp

    numbers: dict[str, int] = {}
    columns, values, pointers = array("i"), array("f"), array("q", [0])
    for text in made:
        counted = Counter(re.findall(r"\w+", text.lower()))
        columns.extend(numbers.setdefault(word, len(numbers)) for word in counted)
        values.extend(counted.values())
        pointers.append(len(columns))
    data = 1 + np.log(np.frombuffer(values, dtype=np.float32))
    where = np.frombuffer(columns, dtype=np.int32)
    idf = np.log((1 + len(made)) / (1 + np.bincount(where))) + 1
    rows: Any = sp.csr_array((data * idf[where], where, np.frombuffer(pointers, dtype=np.int64)))
    rows = sp.diags_array(1 / np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())) @ rows
    golden = rows[np.linspace(0, len(made) - 1, GOLDEN).astype(int)]
    return (rows @ golden.T).toarray().max(axis=1)


def real(encoder: str = "") -> dict[str, Any]:
    """Real conversations: is what is of a section nearer to ten golden examples of it than what is not?"""
    from reviewapp.curation.meaning.fit import projection_fit, vectors_of

    if not DATA.is_file():
        return {}
    with DATA.open(encoding="utf-8", newline="") as file:
        known = list(csv.DictReader(file))
    spoken = [row["dialogue"] for row in known]
    sections = np.array([row["section_header"] for row in known])
    found = {
        "conversations": len(known),
        "auc_by_section": _areas(vectors_of(projection_fit(spoken), spoken), sections),
    }
    if encoder:
        seconds, vectors = embedded(encoder, spoken)
        found |= {"auc_by_encoder": _areas(vectors, sections), "encoder_s": seconds, "encoder": Path(encoder).name}
    return found


def _areas(vectors: Any, sections: Any) -> dict[str, float]:
    from reviewapp.curation.learning.classifier import auc
    from reviewapp.curation.selections.relevance import relevance_of

    areas = {}
    for name, _n in Counter(sections.tolist()).most_common(6):
        found = []
        for seed in range(5):
            golden = np.random.default_rng(seed).choice(np.flatnonzero(sections == name), size=10, replace=False)
            rest = np.setdiff1d(np.arange(len(sections)), golden)
            values = relevance_of(vectors, vectors[golden], rest)[0]
            found.append(auc(np.column_stack([1 - values, values]), (sections[rest] == name).astype(np.int64)))
        areas[name] = round(float(np.mean([one for one in found if one is not None])), 3)
    return areas


def embedded(encoder: str, texts: list[str]) -> tuple[float, Any]:
    """(CPU seconds, vectors) by the trainer's own command."""
    from training import contract

    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as name:
        folder = Path(name)
        lines = contract.jsonl_text({"id": str(n), "text": text} for n, text in enumerate(texts))
        (folder / contract.TEXTS_FILE).write_text(lines, encoding="utf-8")
        config = contract.EmbedConfig(
            encoder=encoder, encoder_sha256=contract.folder_sha256(Path(encoder)), texts_rows=len(texts),
            texts_sha256=contract.text_sha256(lines),
        )  # fmt: skip
        contract.write_config(folder, config)
        subprocess.run([sys.executable, "-m", "training", "embed", str(folder)], cwd=ROOT, check=True)  # noqa: S603
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return round(used.ru_utime + used.ru_stime, 1), np.load(folder / contract.VECTORS_FILE, allow_pickle=False)


def job(stage: str, folder: str, n: int, size: int) -> dict[str, Any]:
    """``index``: a database with ``n`` samples and their index. ``select``: the job as a worker does it, twice."""
    os.environ |= {"COUNTERSIGN_STATE_DIR": folder, "DEBUG": "True", "DJANGO_SETTINGS_MODULE": "reviewapp.settings"}
    os.environ.pop("DATABASE_URL", None)
    import django
    from django.core.management import call_command

    logging.disable(logging.WARNING)  # there is no queue here: the jobs are done at once
    django.setup()
    call_command("migrate", verbosity=0)
    if stage == "index":
        _project_make(n)
        return {"samples": n, "index_s": clocked(_index_make)[0], "megabytes_peak": _peak()}
    before = _peak()
    first_s, first = clocked(lambda: _selection_make(size))
    second_s, second = clocked(lambda: _selection_make(size))
    return {
        "kept": second.counts["kept"], "first_s": first_s, "second_s": second_s, "megabytes_before": before,
        "same_hash": first.content_hash == second.content_hash, "megabytes_peak": _peak(),
        "reasons": second.counts["reasons"], "cover": second.figures["cover"],
    }  # fmt: skip


def _index_make() -> None:
    from reviewapp.core import jobs
    from reviewapp.curation import services
    from reviewapp.projects.models import Project

    asked = services.index_request(project=Project.objects.get(slug="bench"), requested_by=None)
    jobs.execute(asked.job.pk)  # type: ignore[union-attr]


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
    from reviewapp.curation.selections.asked import Config
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
    """Megabytes that this process held at most so far, files that are mapped into it counted in."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def table(found: dict[str, Any]) -> str:
    a, made, chosen, areas = found["parts"], found["index"], found["select"], found["real"]
    rows = [
        ("relevance to 50 golden examples, from nothing", a["relevance_from_nothing_s"]),
        ("the same with the index there", a["relevance_s"]),
        ("baseline: TF-IDF of words and cosines from the texts", a["from_texts_s"]),
        ("the index from nothing (fit, vectors)", f"{a['index_fit_s']}, {a['index_vectors_s']}"),
        ("quality figures", a["quality_s"]),
        (f"choosing {a['size']:,}", a["choose_s"]),
        (f"baseline: plain k-center, {a['size']:,}", a["plain_k_center_s"]),
        ("apart from each other: chosen, k-center, random", _listed(a["apart"])),
        ("mean distance to the nearest kept: the same", _listed(a["cover"])),
        ("median relevance: kept, all", f"{a['relevance_kept']}, {a['relevance_all']}"),
        ("the job: making the index (peak MB)", f"{made['index_s']} ({made['megabytes_peak']})"),
        ("the job: a selection with the index there, twice", f"{chosen['first_s']}, {chosen['second_s']}"),
        ("the job: MB before it, at its peak", f"{chosen['megabytes_before']}, {chosen['megabytes_peak']}"),
        ("the job: the same content hash twice", chosen["same_hash"]),
    ]
    lines = [f"{a['samples']:,} documents of {a['mean_bytes']:,} bytes, CPU seconds on one thread"]
    lines += [f"{name:>56}  {value}" for name, value in rows]
    for name, area in areas.get("auc_by_section", {}).items():
        by_encoder = areas.get("auc_by_encoder", {}).get(name)
        told = f"{area}, by {areas['encoder']} {by_encoder}" if by_encoder is not None else area
        lines.append(f"{'AUC of relevance to ten golden of ' + name:>56}  {told}")
    return "\n".join(lines) + "\n"


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(str(value) for value in values.values())


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
