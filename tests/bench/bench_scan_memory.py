"""Memory by the number of samples: `make bench-scan-memory` (`--samples 5000 10000` is quick).

For each number a new SQLite project is filled by one process; then, each in a process of its own and by the worker's
own code, it is scanned twice (the second scan finds nothing to do), its index of meaning is made, a selection of 1,000
and a balance report. ``peak``: resident memory at most, files mapped into memory counted in; ``texts``: what reading
all at once would hold. ``KB a sample``: between the smallest and the largest number; ``at a million`` is that line
drawn on (below 20,000, tables of a fixed size are still filling, and no line is drawn). Checks of a text alone see 500
at a time whatever the number; the slow ones (``--all`` runs them) are switched off. ``--same``: one sample as often.
``--long``: one text in a thousand is of 2 MB. ``--only`` leaves out what is not named. ``--comparing``: only the checks
that compare samples with one another run, and the languages are known: what grows with the number, in a third of the
time. The words are made of random letters, which is the slowest text there is for telling languages apart. Of
a scan the peak of each part is shown (Linux). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
SLOW = ("identifiers", "named_people", "language_mismatch", "gender_coded", "unsupported_numbers")
HELDOUT, CHUNK, STEADY = 200, 2_000, 20_000
WORK = ("scan", "index", "selection", "balance")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=[20_000, 80_000])
    parser.add_argument("--all", action="store_true", help="run the slow checks too")
    parser.add_argument("--same", action="store_true", help="one sample as often")
    parser.add_argument("--long", action="store_true", help="one text in a thousand is of 2 MB")
    parser.add_argument("--comparing", action="store_true", help="leave out what reads each text alone")
    parser.add_argument("--only", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--stage", default="", help="inner use")
    given = parser.parse_args()
    if given.stage:
        show(json.dumps(STAGES[given.stage](given)))
        return
    rows = [measured(n, given) for n in given.samples]
    facts: dict[str, Any] = {"rows": rows, "same": given.same}
    if len(rows) > 1 and rows[0]["samples"] >= STEADY:
        facts["drawn"] = {work: drawn(work, rows[0], rows[-1]) for work in given.only}
        for work, line in facts["drawn"].items():
            show(f"{work:>9}: {line['kb_a_sample']} KB a sample; drawn on to a million {line['mb_at_a_million']:,} MB")
    show(json.dumps(facts))


def drawn(work: str, first: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    slope = (last[work]["peak_mb"] - first[work]["peak_mb"]) / (last["samples"] - first["samples"])
    at_a_million = round(last[work]["peak_mb"] + slope * (1_000_000 - last["samples"]))
    return {"kb_a_sample": round(1024 * slope, 2), "mb_at_a_million": at_a_million}


def measured(n: int, given: argparse.Namespace) -> dict[str, Any]:
    options = [f"--{name}" for name in ("all", "same", "long", "comparing") if getattr(given, name)]
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        row = child("fill", n, folder, options)
        show(f"{n:,} samples, {row['texts_mb']:,} MB of texts")
        for work in given.only:
            row[work] = found = child(work, n, folder, options)
            told = ", ".join(f"{name} {value}" for name, value in found.items() if not isinstance(value, dict))
            show(f"{work:>9}: {told}")
            for phase, (peak, seconds) in found.get("phases", {}).items():
                show(f"{phase:>32}: {peak:,} MB, {seconds} CPU s")
    return row


def child(stage: str, n: int, folder: str, options: list[str]) -> dict[str, Any]:
    env = {
        **os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "COUNTERSIGN_STATE_DIR": folder,
        "DEBUG": "False", "SECRET_KEY": "bench", "DJANGO_SETTINGS_MODULE": "reviewapp.settings",
    }  # fmt: skip
    env.pop("DATABASE_URL", None)
    command = [sys.executable, __file__, "--stage", stage, "--samples", str(n), *options]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def begun() -> None:
    import django
    from django.core.management import call_command

    logging.disable(logging.WARNING)  # there is no queue here: the jobs are done at once
    django.setup()
    call_command("migrate", verbosity=0)


def fill(given: argparse.Namespace) -> dict[str, Any]:
    begun()
    from reviewapp.curation import services
    from reviewapp.curation.pipeline import Pipeline
    from reviewapp.samples.models import HeldoutPrompt
    from tests import factories

    project = factories.project("bench")
    lead = factories.member(project, "lead")
    mind = random.Random(5)  # noqa: S311
    words = ["".join(mind.choices("abcdefghijklmnopqrstuvwxyz", k=mind.randint(2, 9))) for _ in range(30_000)]
    characters = rows_made(project, given.samples[0], mind, words, is_same=given.same, has_long=given.long)
    if given.comparing:
        languages_known(project)
    held = factories.heldout_set(project, prompts=1, sealed=False)
    for number in range(HELDOUT):
        name = f"held-{number}"
        HeldoutPrompt.objects.create(
            heldout_set=held, external_id=name, group=factories.group(project, name), row_hash=factories.sha(name),
            prompt=text_of(mind, words, 60), reference="As said.",
        )  # fmt: skip
    config = Pipeline().as_json()
    on = {step.check for step in Pipeline().on if not given.comparing or step.run.scope == "corpus"}
    for step in config["steps"]:
        step["is_on"] = step["check"] in on and (given.all or step["check"] not in SLOW)
    if not given.all:
        services.pipeline_save(project=project, config=config, created_by=lead, idempotency_key=uuid4())
    return {"samples": given.samples[0], "texts_mb": characters // 1_000_000}


def text_of(mind: random.Random, words: list[str], n: int) -> str:
    """Words by Zipf's law, in sentences."""
    picked = [words[min(len(words) - 1, int(mind.paretovariate(0.7)))] for _ in range(n)]
    return " ".join(word if place % 12 else f"{word.title()}." for place, word in enumerate(picked))


def rows_made(
    project: Any, n: int, mind: random.Random, words: list[str], *, is_same: bool, has_long: bool = False
) -> int:
    """One in ten resembles an earlier one, one in fifty is the same; 1.2 KB each."""
    from django.db.models import OuterRef, Subquery

    from reviewapp.samples.models import Revision, Sample, SampleGroup
    from tests import factories

    earlier: list[tuple[str, str]] = [(text_of(mind, words, 140), text_of(mind, words, 60))]
    total = 0
    for start in range(0, n, CHUNK):
        numbers = range(start, min(n, start + CHUNK))
        groups = SampleGroup.objects.bulk_create(SampleGroup(project=project, key=f"g{k}") for k in numbers)
        samples = Sample.objects.bulk_create(
            Sample(
                project=project, group=group, external_id=f"s{k}", state=Sample.State.IMPORTED,
                row_hash=factories.sha(f"row {k}"), language="en",
            )
            for k, group in zip(numbers, groups, strict=True)
        )  # fmt: skip
        texts = []
        for k in numbers:
            prompt, completion = mind.choice(earlier)
            chance = 0.0 if is_same else mind.random()
            if chance > 0.12:
                prompt, completion = text_of(mind, words, 140), text_of(mind, words, 60)
            elif chance > 0.02:
                prompt = prompt.replace(" ", f" {mind.randrange(99)} ", 3)
            texts.append((prompt * (2_000_000 // len(prompt)) if has_long and k % 1_000 == 0 else prompt, completion))
            if not is_same and len(earlier) < 1_000:
                earlier.append((prompt, completion))
        total += sum(len(one) + len(other) for one, other in texts)
        Revision.objects.bulk_create(
            Revision(
                sample=sample, number=1, prompt=prompt, completion=completion, reason="import",
                content_hash=factories.sha(f"{prompt}\0{completion}"),
            )
            for sample, (prompt, completion) in zip(samples, texts, strict=True)
        )  # fmt: skip
        first, last = samples[0].pk, samples[-1].pk
        its = Revision.objects.filter(sample=OuterRef("pk")).values("pk")
        Sample.objects.filter(pk__range=(first, last)).update(revision=Subquery(its))
    return total


def languages_known(project: Any) -> None:
    """As a scan leaves them when it has read them."""
    from reviewapp.curation.models import SampleLanguage
    from reviewapp.curation.services.languages import VERSION
    from reviewapp.samples.models import Sample

    rows = Sample.objects.filter(project=project).values_list("pk", "revision_id").iterator(CHUNK)
    while some := list(islice(rows, CHUNK)):
        SampleLanguage.objects.bulk_create(
            SampleLanguage(sample_id=pk, revision_id=revision, language="en", basis="text", method=f"{VERSION}:")
            for pk, revision in some
        )


def scan(given: argparse.Namespace) -> dict[str, Any]:
    begun()
    before = peak_mb()
    phases = phases_watched()
    first, row = scanned()
    of_first = dict(phases)
    again, _ = scanned()
    return {
        "before_mb": before, "peak_mb": max(peak_mb(), *(peak for peak, _ in of_first.values())),
        "first_cpu_s": first, "again_cpu_s": again,
        "findings": sum(row.counts["open"].values()), "by_check": row.counts["open"], "phases": of_first,
    }  # fmt: skip


def phases_watched() -> dict[str, tuple[int, float]]:
    """(peak MB, CPU s) of each part of a scan, filled in while it runs; Linux sets the peak back before each."""
    from reviewapp.curation import jobs

    found: dict[str, tuple[int, float]] = {}

    def watch(owner: Any, name: str, called: Callable[[tuple[Any, ...]], str]) -> None:
        work = getattr(owner, name)

        def watched(*given: Any) -> Any:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            began = time.process_time()
            try:
                return work(*given)
            finally:
                found[called(given)] = (peak_mb(), round(time.process_time() - began, 1))

        setattr(owner, name, watched)

    checking: Any = vars(jobs)["_Checking"]
    watch(checking, "_texts", lambda _: "texts alone")
    watch(checking, "_corpus", lambda given: str(given[1].check))
    for name in ("_clean", "_languages", "_open"):
        watch(jobs, name, lambda _, name=name: name.removeprefix("_"))  # type: ignore[misc]
    return found


def scanned() -> tuple[float, Any]:
    from reviewapp.core import jobs
    from reviewapp.curation import services
    from reviewapp.projects.models import Project

    project = Project.objects.get(slug="bench")
    began = time.process_time()
    asked = services.scan_request(project=project, requested_by=project.memberships.get().user)
    jobs.execute(asked.job.pk)  # type: ignore[union-attr]
    asked.refresh_from_db()
    if asked.finished_at is None:
        asked.job.refresh_from_db()  # type: ignore[union-attr]
        raise SystemExit(asked.job.traceback or asked.job.message)  # type: ignore[union-attr]
    return round(time.process_time() - began, 1), asked


def index(given: argparse.Namespace) -> dict[str, Any]:
    begun()
    from reviewapp.curation import services
    from reviewapp.projects.models import Project

    project = Project.objects.get(slug="bench")
    return worked(lambda: services.index_request(project=project, requested_by=None))


def selection(given: argparse.Namespace) -> dict[str, Any]:
    """With the index there, and golden examples."""
    begun()
    from reviewapp.curation import services
    from reviewapp.curation.selections.asked import Config
    from reviewapp.projects.models import Project
    from reviewapp.samples.models import Sample

    project = Project.objects.get(slug="bench")
    by = project.memberships.get().user
    for sample in Sample.objects.filter(project=project).order_by("pk")[:10]:
        services.golden_mark(sample=sample, marked_by=by)
    config = Config(size=1_000, quotas={})
    return worked(lambda: services.selection_request(project=project, config=config, requested_by=by))


def balance(given: argparse.Namespace) -> dict[str, Any]:
    begun()
    from reviewapp.curation import services
    from reviewapp.projects.models import Project

    project = Project.objects.get(slug="bench")
    by = project.memberships.get().user
    return worked(lambda: services.bias_report_request(project=project, requested_by=by, idempotency_key=uuid4()))


def worked(ask: Callable[[], Any]) -> dict[str, Any]:
    """CPU seconds and the peak of one job; its message where it fails."""
    from reviewapp.core import jobs

    before, began = peak_mb(), time.process_time()
    asked = ask()
    jobs.execute(asked.job.pk)
    asked.refresh_from_db()
    asked.job.refresh_from_db()
    if asked.made_at is None:
        raise SystemExit(asked.job.traceback or asked.job.message)
    return {"before_mb": before, "peak_mb": peak_mb(), "cpu_s": round(time.process_time() - began, 1)}


def peak_mb() -> int:
    """Of this process, or since its peak was last set back."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.partition("VmHWM:")[2].split()[0]) // 1024


STAGES = {"fill": fill, "scan": scan, "index": index, "selection": selection, "balance": balance}


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
