"""What nobody should import, through the real import and scan: a clear error or a finding, in bounded memory.

Small sizes run always; the true sizes are marked slow, each in a process of its own whose memory is measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from textwrap import dedent

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.models import Finding
from reviewapp.labelling.rules import RuleInvalid, pattern_check
from reviewapp.projects.models import Project
from reviewapp.samples.mapping import Mapping
from reviewapp.samples.models import ImportBatch, ImportRowError, Sample
from reviewapp.samples.parsing import parquet, rows
from reviewapp.samples.parsing.reading import iter_rows
from reviewapp.samples.parsing.rows import FileError, Row
from tests import factories
from tests.reviewapp.samples.batches import counts, run, upload

ROOT = Path(__file__).resolve().parents[3]
PLAIN = Mapping(prompt="ask", completion="say")
GOOD = '{"ask": "Where does it hurt?", "say": "In the left knee, for three weeks."}\n'


def imported(project: Project, content: str | bytes, name: str = "notes.jsonl") -> ImportBatch:
    return run(upload(project, content, name=name), PLAIN)


def scanned(project: Project) -> Job:
    asked = services.scan_request(project=project, requested_by=factories.member(project, "engineer"))
    assert asked.job is not None
    jobs.execute(asked.job.pk)
    asked.job.refresh_from_db()
    return asked.job


def reasons(project: Project) -> list[str]:
    return list(ImportRowError.objects.filter(batch__project=project).order_by("line").values_list("reason", flat=True))


@pytest.mark.parametrize(
    "content",
    [bytes(range(256)) * 40, b"\x00\x01\x02\xff" * 5_000, b"PK\x03\x04" + b"x" * 500, b"\x1f\x8b\x08" + b"x" * 500],
)
@pytest.mark.parametrize("name", ["notes.jsonl", "notes.csv", "notes.json", "notes.parquet"])
def test_binary_junk_and_packed_files_are_refused_with_a_sentence(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    try:
        found = list(iter_rows(path))
    except FileError as error:
        assert str(error).endswith(".")
    else:
        assert found and not any(isinstance(row, Row) for row in found)


def test_bad_rows_are_set_aside_and_good_ones_go_all_the_way(project: Project) -> None:
    deep = '{"ask": ' + "[" * 500 + "]" * 500 + ', "say": "x"}\n'
    deeper = '{"ask": ' + "[" * 200_000 + "]" * 200_000 + ', "say": "x"}\n'
    content = GOOD.encode() + deep.encode() + deeper.encode() + b'{"ask": "caf\xe9", "say": "x"}\n' + b"not json\n"

    batch = run(upload(project, content, name="notes.jsonl"), PLAIN, encoding="utf-8")
    job = scanned(project)

    assert (batch.rows_read, batch.rows_created + batch.rows_failed) == (5, 5)
    assert batch.rows_failed == len(reasons(project)) >= 3
    assert any("nested too deeply" in reason for reason in reasons(project))
    assert job.state == "succeeded", job.traceback


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_too_long_costs_its_row_and_is_never_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(rows, "MAX_LINE_CHARS", 1_000)
    long = json.dumps({"ask": "y" * 4_000_000, "say": "x"})
    path = tmp_path / "notes.jsonl"
    path.write_bytes(ending.join([GOOD.strip(), long, GOOD.strip(), ""]).encode())
    tracemalloc.start()
    found = list(iter_rows(path))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [type(row).__name__ for row in found] == ["Row", "RowError", "Row"]
    assert found[1].line == 2 and found[1].reason == "The line is longer than 1,000 characters."  # type: ignore[union-attr]
    assert most < 16 << 20, "a million characters at a time are passed over"


def test_a_json_document_is_read_item_by_item(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text("[" + ",".join(['{"ask": ' + json.dumps([[]] * 2_000) + "}"] * 100) + "]")
    tracemalloc.start()
    assert sum(1 for _ in iter_rows(path)) == 100
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 << 20, "200,000 lists at once would be 13 MB"


def test_a_long_line_of_a_table_costs_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_LINE_CHARS", 100)
    path = tmp_path / "notes.csv"
    path.write_text(f"ask,say\nA,B\nC,{'x' * 5_000}\nD,E\n")
    found = list(iter_rows(path))
    assert [getattr(row, "values", None) for row in found] == [{"ask": "A", "say": "B"}, None, {"ask": "D", "say": "E"}]
    path.write_text(f"ask,{'s' * 5_000}\nA,B\n")
    with pytest.raises(FileError, match="longer than 100 characters"):
        list(iter_rows(path))


def test_a_parquet_file_that_unpacks_to_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.parquet"
    table = pa.table({"ask": ["x" * 3_000_000 + str(n) for n in range(4)], "say": ["y"] * 4})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 100_000
    assert len(list(iter_rows(path))) == 4
    monkeypatch.setattr(parquet, "MAX_UNPACKED", 1 << 20)
    with pytest.raises(FileError, match="unpacks to 11 MB"):
        list(iter_rows(path))


def test_a_long_text_in_many_rows_of_a_parquet_file_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "same.parquet"
    pq.write_table(pa.table({"ask": pa.array(["x" * 1_000_000] * 300), "say": ["y"] * 300}), path)
    before = pa.total_allocated_bytes()
    most = max(pa.total_allocated_bytes() - before for _ in iter_rows(path))
    assert most < 64 << 20, "300 MB if each row had its own"


def test_an_empty_corpus_is_an_error_that_says_what_to_do(project: Project) -> None:
    lead = factories.member(project, "lead")
    with pytest.raises(ApplicationError, match="Import some first"):
        services.scan_request(project=project, requested_by=lead)
    factories.sample(project, state=Sample.State.REJECTED)
    job = scanned(project)
    assert job.state == "failed"
    assert "every sample of this project was rejected" in f"{job.message} {job.traceback}"


def test_one_sample_many_times_is_a_finding_on_each_copy(project: Project) -> None:
    content = "".join(
        json.dumps({"ask": "Where does it hurt?", "say": "In the left knee.", "id": n}) + "\n" for n in range(700)
    )
    batch = run(upload(project, content, name="same.jsonl"), Mapping(prompt="ask", completion="say", external_id="id"))
    job = scanned(project)
    assert counts(batch)[1] == 700
    assert job.state == "succeeded", job.traceback
    assert Finding.objects.filter(check_name="exact_duplicates", state="open").count() == 699
    assert not Finding.objects.filter(check_name__in=["near_duplicates", "contradictory_completions"]).exists()


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*)*x", r"(\w+\s?)*:"])
def test_a_pattern_that_would_never_end_is_refused_where_a_person_gives_one(pattern: str) -> None:
    with pytest.raises(RuleInvalid):
        pattern_check(pattern)


# ---- the true sizes, each in a process of its own


def in_a_process(tmp_path: Path, code: str) -> dict[str, float]:
    """Runs the code; it sets ``told``. Adds the most memory that it took, in MB."""
    lines = [
        "import json, sys", "from pathlib import Path",
        "from reviewapp.samples.parsing.reading import iter_rows", f"folder = Path({str(tmp_path)!r})",
        dedent(code),
        # of this process alone: getrusage also counts what its parent had when it began
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))",
        "told['mb'] = int(status['VmHWM'].split()[0]) // 1024", "print(json.dumps(told))",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], env=env, capture_output=True, text=True, check=True)  # noqa: S603
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["line.jsonl", "line.csv"])
def test_a_line_of_200_megabytes(tmp_path: Path, name: str) -> None:
    told = in_a_process(
        tmp_path,
        f"""
        path = folder / {name!r}
        with path.open("w") as file:
            file.write('ask,say\\n"A",B\\nC,' if path.suffix == ".csv" else '{{"ask": "A", "say": "B"}}\\n{{"ask": "')
            for _ in range(200):
                file.write("x" * 1_000_000)
            file.write('\\nD,E\\n' if path.suffix == ".csv" else '"}}\\n{{"ask": "D", "say": "E"}}\\n')
        kinds = [type(row).__name__ for row in iter_rows(path)]
        told = {{"rows": kinds.count("Row"), "errors": kinds.count("RowError")}}
        """,
    )
    assert (told["rows"], told["errors"]) == (2, 1)
    assert told["mb"] < 260


@pytest.mark.slow
def test_a_file_of_half_a_million_rows(tmp_path: Path) -> None:
    told = in_a_process(
        tmp_path,
        """
        path = folder / "many.csv"
        with path.open("w") as file:
            file.write("ask,say\\n")
            for start in range(0, 500_000, 10_000):
                file.write("".join(f"Question {n}?,Answer {n}.\\n" for n in range(start, start + 10_000)))
        told = {"rows": sum(1 for _ in iter_rows(path))}
        """,
    )
    assert told["rows"] == 500_000
    assert told["mb"] < 130, "70 as they pass; 290 where all of them are kept"


@pytest.mark.slow
def test_one_sample_200_000_times_takes_no_text_and_no_square(tmp_path: Path) -> None:
    told = in_a_process(
        tmp_path,
        """
        import numpy as np
        from reviewapp.curation.checks.finding import Corpus, Item
        from reviewapp.curation.checks.lazy import LazyItems
        from reviewapp.curation.checks.registry import CHECKS
        n = 200_000
        keys = np.arange(n)
        text = "Where does it hurt? In the left knee."
        read = lambda rows: [Item(key=key, prompt=text, completion="For three weeks.") for key in rows.tolist()]
        items = LazyItems(keys, np.full(n, 60), read)
        wanted = ("exact_duplicates", "near_duplicates", "heldout_overlap")
        told = {}
        for check in CHECKS:
            if check.name in wanted:
                told[check.name] = sum(1 for _ in check.run(Corpus(items=items, heldout=[(1, "Something else.")])))
        """,
    )
    assert (told["exact_duplicates"], told["near_duplicates"], told["heldout_overlap"]) == (199_999, 0, 0)
    assert told["mb"] < 260, "190; 290 where every sample that is read is kept"
