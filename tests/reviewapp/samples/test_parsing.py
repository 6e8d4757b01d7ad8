from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.samples.parsing.encodings import EncodingUnknown, encoding_of
from reviewapp.samples.parsing.reading import iter_rows, preview
from reviewapp.samples.parsing.rows import MAX_COLUMNS, MAX_RAW_CHARS, FileError, Row, RowError

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **kwargs: str) -> tuple[list[Row], list[RowError]]:
    items = list(iter_rows(path, **kwargs))
    return [item for item in items if isinstance(item, Row)], [item for item in items if isinstance(item, RowError)]


def values(path: Path, **kwargs: str) -> list[dict[str, Any]]:
    rows, errors = read(path, **kwargs)
    assert errors == []
    return [row.values for row in rows]


# CSV and TSV


def test_csv_keeps_quoted_line_breaks_and_mixed_line_endings(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'id,text\r\n1,"one\r\ntwo\nthree"\n2,plain\r3,"say ""so"""\r\n')
    rows, errors = read(path)
    assert errors == []
    assert [row.values for row in rows] == [
        {"id": "1", "text": "one\r\ntwo\nthree"},
        {"id": "2", "text": "plain"},
        {"id": "3", "text": 'say "so"'},
    ]
    assert [row.line for row in rows] == [2, 5, 6]


def test_csv_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert values(write(tmp_path, "a.csv", b"\xef\xbb\xbfid,text\n1,a\n")) == [{"id": "1", "text": "a"}]


def test_csv_blank_lines_are_no_rows_and_empty_cells_are(tmp_path: Path) -> None:
    rows, errors = read(write(tmp_path, "a.csv", "\n\nid,text\n\n,\n1,a\n\n"))
    assert (errors, [row.line for row in rows]) == ([], [5, 6])
    assert rows[0].values == {"id": "", "text": ""}


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_finds_the_delimiter_in_the_header(tmp_path: Path, mark: str) -> None:
    text = f'id{mark}"a, text; with|marks"{mark}b\n1{mark}x{mark}y\n'
    assert values(write(tmp_path, "a.csv", text)) == [{"id": "1", "a, text; with|marks": "x", "b": "y"}]


def test_tsv_splits_on_tabs_only(tmp_path: Path) -> None:
    assert values(write(tmp_path, "a.tsv", "id\ta,b\n1\tx, y\n")) == [{"id": "1", "a,b": "x, y"}]


def test_tsv_that_is_comma_separated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="commas and no tab"):
        read(write(tmp_path, "a.tsv", "id,text\n1,a\n"))


def test_csv_with_too_few_or_too_many_cells_sets_the_line_aside(tmp_path: Path) -> None:
    rows, errors = read(write(tmp_path, "a.csv", "id,text\n1,a\n2\n3,b,c\n4,d\n"))
    assert [row.values["id"] for row in rows] == ["1", "4"]
    assert [(error.line, error.raw) for error in errors] == [(3, "2"), (4, "3,b,c")]
    assert errors[0].reason.startswith("1 cell where the header names 2")


def test_csv_quote_that_never_closes_costs_one_line_and_not_the_rest(tmp_path: Path) -> None:
    rows, errors = read(write(tmp_path, "a.csv", 'id,text\n1,a\n2,"never closed\n3,c\n4,d\n'))
    assert [row.values["id"] for row in rows] == ["1", "3", "4"]
    assert [(error.line, error.raw) for error in errors] == [(3, '2,"never closed')]
    assert "never closes" in errors[0].reason


def test_csv_quote_closed_by_a_later_row_gives_that_row_back(tmp_path: Path) -> None:
    rows, errors = read(write(tmp_path, "a.csv", 'id,text\n1,"open\n2,"good",\n3,"fine"\n'))
    assert [(row.line, row.values["text"]) for row in rows] == [(4, "fine")]
    assert [error.line for error in errors] == [2, 3]


def test_csv_quote_inside_a_quoted_cell_is_named(tmp_path: Path) -> None:
    rows, errors = read(write(tmp_path, "a.csv", 'id,text\n1,"he said "no" to it"\n2,b\n'))
    assert [row.values["id"] for row in rows] == ["2"]
    assert "Double it" in errors[0].reason


def test_csv_header_problems_refuse_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="“text” appears twice"):
        read(write(tmp_path, "twice.csv", "text,id,text\n1,2,3\n"))
    with pytest.raises(FileError, match="header on line 1 cannot be read"):
        read(write(tmp_path, "open.csv", 'id,"text\n1,2\n'))


def test_csv_nameless_column_gets_its_place(tmp_path: Path) -> None:
    assert values(write(tmp_path, "a.csv", ",text\n0,a\n")) == [{"column 1": "0", "text": "a"}]


def test_a_hundred_thousand_columns_are_one_clear_error(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(100_000)]
    wide = dict.fromkeys(names, "x")
    files = [
        write(tmp_path, "a.csv", ",".join(names) + "\n" + ",".join("x" * 100_000) + "\n"),
        write(tmp_path, "a.tsv", "\t".join(names) + "\n"),
        tmp_path / "a.parquet",
    ]
    pq.write_table(pa.table({name: ["x"] for name in names[: MAX_COLUMNS + 1]}), files[-1])
    for path in files:
        with pytest.raises(FileError, match="more than 2,000 columns"):
            read(path)
    for name, text in (("a.jsonl", json.dumps(wide) + "\n"), ("a.json", json.dumps([wide]))):
        with pytest.raises(FileError, match="more than 2,000 keys"):
            preview(write(tmp_path, name, text))


# JSON Lines


def test_jsonl_keeps_nested_values_and_names_bad_lines(tmp_path: Path) -> None:
    lines = ['{"a": {"b": [1, null]}, "t": "x"}', "", '{"a": 1', "[1, 2]", '{"a": 2}\r']
    rows, errors = read(write(tmp_path, "a.jsonl", "\n".join(lines)))
    assert [(row.line, row.values) for row in rows] == [(1, {"a": {"b": [1, None]}, "t": "x"}), (5, {"a": 2})]
    assert [error.line for error in errors] == [3, 4]
    assert errors[0].reason.startswith("Not valid JSON at column 8")
    assert "this is a list" in errors[1].reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1, "a": 2}', "“a” appears twice"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ('{"a": "x\\u0000y"}', "NUL character in column “a”, at character 2"),
        ('{"a": ["\\ud800"]}', "Unreadable characters in column “a”"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", "number in the JSON is too long"),
        ('{"a": "unclosed', "Not valid JSON at column 7"),
    ],
)
def test_jsonl_refuses_what_would_be_lost_or_break_later(tmp_path: Path, line: str, reason: str) -> None:
    rows, errors = read(write(tmp_path, "a.jsonl", f'{{"a": "good"}}\n{line}\n'))
    assert [row.line for row in rows] == [1]
    assert errors[0].line == 2
    assert reason in errors[0].reason


def test_raw_of_a_bad_row_is_shortened_and_can_be_stored(tmp_path: Path) -> None:
    _, errors = read(
        write(tmp_path, "a.jsonl", b'{"a": "good"}\n{"a": "\x00\xff' + b"x" * 50_000 + b'"}\n'), encoding="utf-8"
    )
    assert len(errors[0].raw) < MAX_RAW_CHARS + 100
    assert "\0" not in errors[0].raw
    errors[0].raw.encode()


# One JSON document


def test_json_list(tmp_path: Path) -> None:
    rows, errors = read(write(tmp_path, "a.json", '[{"t": "a"},\n "text", {"t": "b", "t": "c"}, {"t": "d"}]'))
    assert [(row.line, row.values) for row in rows] == [(1, {"t": "a"}), (4, {"t": "d"})]
    assert [(error.line, error.raw) for error in errors] == [(2, '"text"'), (3, '{"t": "b", "t": "c"}')]


def test_json_object_keyed_by_id(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", '{"x1": {"t": "a"}, "x2": {"t": "b"}, "x1": {"t": "c"}, "n": 4}')
    rows, errors = read(path)
    assert [row.values for row in rows] == [{"id": "x1", "t": "a"}, {"id": "x2", "t": "b"}]
    assert [error.reason for error in errors] == [
        "The id “x1” appears twice in the file.",
        "An item must be an object in braces; this is a number.",
    ]


def test_json_key_does_not_hide_an_id_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", '{"x1": {"id": 7}, "x2": {"t": "b"}}')
    assert values(path) == [{"key": "x1", "id": 7}, {"key": "x2", "t": "b"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},]', "not valid JSON at line 1"),
        ('[{"a": 1}', "not valid JSON at line 1"),
        ('{"a": {"t": 1}} {"b": 1}', "not valid JSON"),
        ('{"a": 1}\n{"a": 2}\n', "holds one object a line"),
        ('{"a": "x", "b": ["y"]}', "list of objects, or an object whose values are objects"),
        ("[]", "holds no rows"),
        ("[1, 2]", "list of objects"),
        ('[{"a": 1}] x', "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_document_that_is_broken_or_something_else(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(write(tmp_path, "a.json", text))


# Parquet


def test_parquet_rows_with_nested_and_typed_values(tmp_path: Path) -> None:
    import datetime
    import decimal

    table = pa.table(
        {
            "t": ["a", None],
            "n": pa.array([1.5, float("nan")]),
            "m": [[{"role": "user", "content": "x"}], []],
            "d": [datetime.date(2026, 1, 2), None],
            "c": [decimal.Decimal("1.20"), None],
            "b": [b"\x00\xff", b""],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert values(tmp_path / "a.parquet") == [
        {"t": "a", "n": 1.5, "m": [{"role": "user", "content": "x"}], "d": "2026-01-02", "c": "1.20", "b": "AP8="},
        {"t": None, "n": None, "m": [], "d": None, "c": None, "b": ""},
    ]


def test_parquet_value_that_is_no_text_costs_its_row_only(tmp_path: Path) -> None:
    broken = pa.array([b"good", b"\xff\xfe"], type=pa.binary()).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"t": broken}), tmp_path / "a.parquet")
    rows, errors = read(tmp_path / "a.parquet")
    assert [row.values for row in rows] == [{"t": "good"}]
    assert errors[0].line == 2
    assert "“t” cannot be read" in errors[0].reason


def test_parquet_cut_short_is_a_clear_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": ["a"] * 1000}), tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    with pytest.raises(FileError, match="damaged or cut short"):
        read(write(tmp_path, "a.parquet", content[: len(content) // 2]))


# The file as a whole


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\n"])
def test_empty_file(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(FileError, match="file is empty"):
        read(write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"PK\x03\x04rest", "Excel workbook"),
        ("a.csv", b"PAR1rest", "Rename it to end in .parquet"),
        ("a.csv", b'{"a": 1}\n', "holds JSON"),
        ("a.csv", b'[{"a": 1}]', "holds JSON"),
        ("a.csv", b"<!DOCTYPE html><html>", "web page"),
        ("a.csv", b"a,b\n" + b"x\0\0" * 400, "binary data"),
        ("a.jsonl", b"id,text\n1,a\n", "first lines are not JSON"),
        ("a.jsonl", b'[\n{"a": 1}]', "Rename it to end in .json"),
        ("a.jsonl", b'{\n"a": 1}', "Rename it to end in .json"),
        ("a.jsonl", b"\x80\x04\x95cos\nsystem", "pickle, which is never opened"),
        ("a.json", b"id,text\n1,a\n", "first lines are not JSON"),
        ("a.json", b"\x1f\x8bdata", "gzip-compressed"),
        ("a.parquet", b"id,text\n", "does not hold Parquet"),
        ("a.xlsx", b"PK\x03\x04", "ends in “.xlsx”"),
        ("plain", b"id,text\n", "has no ending"),
    ],
)
def test_file_of_another_type_than_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read(write(tmp_path, name, content))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        read(tmp_path / "none.csv")


def test_preview_of_a_header_alone(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="header and no rows"):
        preview(write(tmp_path, "a.csv", "id,text\n"))


def test_preview_shows_columns_that_start_late(tmp_path: Path) -> None:
    lines = [json.dumps({"t": str(number)} | ({"late": 1} if number == 300 else {})) for number in range(400)]
    shown = preview(write(tmp_path, "a.jsonl", "\n".join(lines)))
    assert (shown.columns, len(shown.rows), shown.encoding) == (("t", "late"), 20, "utf-8")


def test_preview_where_no_row_can_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No row can be read. Line 2: 1 cell"):
        preview(write(tmp_path, "a.csv", "id,text\n1\n2\n"))


# Encodings


def test_unknown_encoding_is_named_with_line_and_guess(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id,text\n1,référé\n2,plain\n".encode("cp1252"))
    with pytest.raises(EncodingUnknown, match="line 2 holds other bytes. It looks like Windows-1252") as caught:
        read(path)
    assert caught.value.guess == "cp1252"
    assert values(path, encoding="cp1252")[0]["text"] == "référé"


def test_rows_of_another_encoding_are_set_aside_when_utf8_is_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"id,text\n1,caf\xe9\n2,caf\xc3\xa9\n")
    rows, errors = read(path, encoding="utf-8")
    assert [row.values["text"] for row in rows] == ["café"]
    assert errors[0].line == 2
    assert errors[0].reason.startswith("Unreadable characters in column “text”, at character 4")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_byte_order_marks_decide(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "a.jsonl", '{"t": "µ"}\n{"t": "b"}\n'.encode(encoding))
    assert [row["t"] for row in values(path)] == ["µ", "b"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_read_when_chosen(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "a.csv", ("id,text\n" + "1,a\n" * 9).encode(encoding))
    with pytest.raises(EncodingUnknown) as caught:
        read(path)
    assert caught.value.guess == "utf-16"
    assert values(path, encoding="utf-16") == [{"id": "1", "text": "a"}] * 9


def test_utf16_that_ends_in_the_middle_is_refused_before_any_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id,text\n1,a\n".encode("utf-16") + b"\x00")
    with pytest.raises(FileError, match="cannot be read as UTF-16"):
        read(path)


def test_an_encoding_that_is_not_listed_never_reaches_the_codecs(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="listed encodings"):
        encoding_of(write(tmp_path, "a.csv", "id\n1\n"), "rot13")


@pytest.mark.parametrize("cut", [(1 << 20) - 1, (1 << 20) - 2])
def test_a_character_across_two_blocks_is_not_called_broken(tmp_path: Path, cut: int) -> None:
    assert encoding_of(write(tmp_path, "a.csv", b"x" * cut + "€".encode() + b"\n")) == "utf-8"


def test_russian_text_is_guessed_as_cyrillic(tmp_path: Path) -> None:
    text = "id,text\n" + "1,Пациент жалуется на головную боль и слабость в течение недели\n" * 20
    with pytest.raises(EncodingUnknown) as caught:
        encoding_of(write(tmp_path, "a.csv", text.encode("cp1251")))
    assert caught.value.guess == "cp1251"


# No row is ever lost

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_property_csv_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, end: str
) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *rows])
    path = write(tmp_path_factory.mktemp("csv"), "a.csv", stream.getvalue())
    assert [tuple(row.values()) for row in values(path)] == rows


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([b'"', b',"', b'{"a": 1}', b"a,b"])), max_size=12))
def test_property_every_line_of_any_csv_is_in_a_row_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    lines = [line.replace(b"\r", b"").replace(b"\n", b"") for line in lines]
    content = b"\n".join([b"id,text", b"1,good", *lines, b""])
    path = write(tmp_path_factory.mktemp("csv"), "a.csv", content)
    try:
        items = list(iter_rows(path, encoding="utf-8"))
    except FileError as error:
        assert "binary" in str(error)  # mostly NUL bytes: no text at all
        return
    starts = [item.line for item in items]
    assert starts == sorted(set(starts))
    covered: set[int] = set()
    for item in items:
        spans = 1
        if isinstance(item, Row):
            spans = 1 + sum(value.count("\n") for value in item.values.values())
        elif "header names" in item.reason or "Unreadable" in item.reason or "NUL" in item.reason:
            spans = 1 + item.raw.count("\n")
        covered |= set(range(item.line, item.line + spans))
    filled = {number for number, line in enumerate(content.split(b"\n"), start=1) if line and number > 1}
    assert filled <= covered


@settings(deadline=None)
@given(st.lists(st.one_of(st.dictionaries(cells, cells, max_size=3), st.integers(), st.just("{broken")), min_size=1))
def test_property_jsonl_rows_in_are_rows_and_errors_out(tmp_path_factory: pytest.TempPathFactory, items: Any) -> None:
    lines = ['{"a": 1}', *(item if item == "{broken" else json.dumps(item) for item in items)]
    rows, errors = read(write(tmp_path_factory.mktemp("jsonl"), "a.jsonl", "\n".join(lines)))
    assert len(rows) + len(errors) == len(lines)
    assert [row.values for row in rows][1:] == [item for item in items if isinstance(item, dict)]


@settings(deadline=None)
@given(st.lists(st.one_of(st.dictionaries(cells, cells, max_size=3), st.integers()), min_size=1, max_size=9))
def test_property_json_items_in_are_rows_and_errors_out(tmp_path_factory: pytest.TempPathFactory, items: Any) -> None:
    path = write(tmp_path_factory.mktemp("json"), "a.json", json.dumps([{"a": 1}, *items], indent=1))
    rows, errors = read(path)
    assert [row.values for row in rows][1:] == [item for item in items if isinstance(item, dict)]
    assert sorted(item.line for item in [*rows, *errors]) == list(range(1, len(items) + 2))


# Real files, read in place

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data is not at {DATA}")


@needs_data
@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("mts-dialog/Main-Dataset/MTS-Dialog-TrainingSet.csv", 1201),
        ("mts-dialog/Main-Dataset/MTS-Dialog-ValidationSet.csv", 100),
        ("mts-dialog/Main-Dataset/MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv", 200),
        ("mts-dialog/Augmented-Data/MTS-Dialog-Augmented-TrainingSet-1-En-FR-EN-2402-Pairs.csv", 2402),
        ("medec/MEDEC-MS/MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv", 925),
        ("legal_summarization/tosdr_annotated_v1.json", 361),
        ("self-instruct/data/seed_tasks.jsonl", 175),
        ("presidio-research/data/synth_dataset_v2.json", 1500),
        ("winogender/data/all_sentences.tsv", 720),
        ("aci-bench/data/challenge_data/train.csv", 67),
    ],
)
def test_real_files_are_read_without_loss(name: str, rows: int) -> None:
    found, errors = read(DATA / name)
    assert (len(found), errors) == (rows, [])
