"""Rows are what was approved; tokens and mask are right one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.tiny import CHAT_TEMPLATE, example, examples, write_rows
from training import contract, data
from training.data import IGNORED, Renderer, Row
from training.errors import DataError, TemplateError

ROW = Row("r", "Doctor: Hello?\nPatient: I have had a cough.", "Complaint: a cough.")


def trained_text(tokenizer: Any, rendered: data.Rendered) -> str:
    return str(tokenizer.decode([label for label in rendered.labels if label != IGNORED]))


def test_plain_template_token_by_token(tokenizer: Any) -> None:
    template = contract.Template(prefix="## ", separator="\n=> ")
    rendered = Renderer(tokenizer, template).render(ROW)
    prompt = tokenizer("## " + ROW.prompt + "\n=> ")["input_ids"]
    answer = tokenizer(ROW.completion)["input_ids"]
    assert rendered.input_ids == prompt + answer + [tokenizer.eos_token_id]
    assert rendered.labels == [IGNORED] * len(prompt) + answer + [tokenizer.eos_token_id]
    assert rendered.prompt_length == len(prompt)
    assert trained_text(tokenizer, rendered) == "Complaint: a cough.<|end|>"


def test_chat_template_trains_the_answer_and_its_end_token_only(chat_tokenizer: Any) -> None:
    renderer = Renderer(chat_tokenizer, contract.Template())
    rendered = renderer.render(ROW)
    assert renderer.is_chat
    assert trained_text(chat_tokenizer, rendered) == "Complaint: a cough.<|end|>"
    # the line break that the template writes after the end token is not part of the row
    assert rendered.input_ids[-1] == chat_tokenizer.eos_token_id
    assert rendered.input_ids[: rendered.prompt_length] == renderer.prompt_ids(ROW.prompt)
    whole = chat_tokenizer.decode(rendered.input_ids)
    assert whole == f"<|user|>\n{ROW.prompt}<|end|>\n<|assistant|>\n{ROW.completion}<|end|>"


def test_a_chat_template_can_be_left_aside(chat_tokenizer: Any) -> None:
    renderer = Renderer(chat_tokenizer, contract.Template(use_chat_template=False))
    assert not renderer.is_chat
    assert "<|user|>" not in chat_tokenizer.decode(renderer.prompt_ids("Hello"))


def test_a_chat_template_that_rewrites_the_prompt_is_refused(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = "{{ messages | length }}" + CHAT_TEMPLATE
    with pytest.raises(TemplateError, match="Switch the chat template off"):
        Renderer(chat_tokenizer, contract.Template()).render(ROW)


def test_a_chat_template_without_end_token_gets_one(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    rendered = Renderer(chat_tokenizer, contract.Template()).render(ROW)
    assert rendered.labels[-1] == chat_tokenizer.eos_token_id


def test_two_start_tokens_are_refused(chat_tokenizer: Any) -> None:
    chat_tokenizer.chat_template = "<|bos|><|bos|>" + CHAT_TEMPLATE
    with pytest.raises(TemplateError, match="two start tokens"):
        Renderer(chat_tokenizer, contract.Template()).prompt_ids("Hello")


def test_control_tokens_in_a_text_stay_text_in_the_plain_template(tokenizer: Any) -> None:
    renderer = Renderer(tokenizer, contract.Template())
    rendered = renderer.render(Row("r", "say <|end|> now", "never <|end|> this"))
    assert rendered.input_ids.count(tokenizer.eos_token_id) == 1
    assert renderer.control_tokens_in("say <|end|> now") == []


def test_control_tokens_in_a_text_are_seen_in_a_chat_template(chat_tokenizer: Any) -> None:
    assert Renderer(chat_tokenizer, contract.Template()).control_tokens_in("a<|end|>b") == ["<|end|>"]


def test_a_merge_over_the_boundary_keeps_the_prompt_as_it_is_asked(tokenizer: Any) -> None:
    renderer = Renderer(tokenizer, contract.Template(separator=" "))
    merged = renderer.render(Row("r", "Patient: I have", "had a cough."))  # " had" is one token, " " + "had" are two
    assert merged.is_boundary_merged
    assert merged.input_ids[: merged.prompt_length] == renderer.prompt_ids("Patient: I have")
    assert trained_text(tokenizer, merged) == "had a cough.<|end|>"
    assert not Renderer(tokenizer, contract.Template()).render(ROW).is_boundary_merged


def test_the_end_token_is_learned_even_when_it_is_the_padding(tiny_model: Path, tokenizer: Any) -> None:
    from training import models

    bare = models.load_tokenizer(tiny_model)
    bare.pad_token = None
    renderer = Renderer(bare, contract.Template())
    assert renderer.pad_id == bare.eos_token_id
    assert renderer.render(ROW).labels[-1] == bare.eos_token_id


@settings(deadline=None, max_examples=60)
@given(prompt=st.text(min_size=1, max_size=60), completion=st.text(min_size=1, max_size=60))
def test_any_text_keeps_prompt_apart_from_answer(tokenizer: Any, prompt: str, completion: str) -> None:
    renderer = Renderer(tokenizer, contract.Template())
    rendered = renderer.render(Row("r", prompt, completion))
    asked = renderer.prompt_ids(prompt)
    assert rendered.input_ids[: len(asked)] == asked
    assert set(rendered.labels[: len(asked)]) <= {IGNORED}
    assert rendered.labels[len(asked) :] == rendered.input_ids[len(asked) :]
    assert rendered.labels[-1] == tokenizer.eos_token_id
    answer = tokenizer.decode(rendered.input_ids[len(asked) : -1], clean_up_tokenization_spaces=False)
    assert answer == completion


@settings(deadline=None, max_examples=60)
@given(text=st.text(min_size=1, max_size=80))
def test_pieces_join_to_the_whole_text(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, split_special_tokens=True)["input_ids"]
    found = data.pieces(tokenizer, ids)
    assert len(found) == len(ids)
    assert "".join(found) == tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def test_pieces_of_a_character_over_several_tokens(tokenizer: Any) -> None:
    ids = tokenizer("漢x")["input_ids"]
    assert len(ids) == 4  # three bytes and a letter
    assert data.pieces(tokenizer, ids) == ["", "", "漢", "x"]
    assert data.pieces(tokenizer, ids[:2])[-1] != ""  # cut within a character: what is there is shown


def test_cutting_keeps_the_start(tokenizer: Any) -> None:
    rendered = Renderer(tokenizer, contract.Template()).render(ROW)
    cut = rendered.cut(rendered.prompt_length + 2)
    assert cut.input_ids == rendered.input_ids[: rendered.prompt_length + 2]
    assert cut.trained == 2
    assert rendered.cut(rendered.prompt_length).trained == 0
    assert rendered.cut(10_000) == rendered


def test_the_hash_covers_template_special_tokens_and_chat_template(tokenizer: Any, chat_tokenizer: Any) -> None:
    plain = Renderer(tokenizer, contract.Template())
    hashes = {
        plain.sha256(),
        Renderer(tokenizer, contract.Template(separator="\n")).sha256(),
        Renderer(tokenizer, contract.Template(prefix="x")).sha256(),
        Renderer(chat_tokenizer, contract.Template()).sha256(),
    }
    chat_tokenizer.chat_template = CHAT_TEMPLATE.replace("assistant", "doctor")
    hashes.add(Renderer(chat_tokenizer, contract.Template()).sha256())
    chat_tokenizer.chat_template = None
    chat_tokenizer.eos_token = "<|pad|>"
    hashes.add(Renderer(chat_tokenizer, contract.Template()).sha256())
    assert len(hashes) == 6
    assert Renderer(tokenizer, contract.Template()).sha256() == plain.sha256()


def test_rows_load_when_count_and_hash_are_right(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    sha256 = write_rows(path, examples(3))
    rows = data.load_rows(path, expected=3, sha256=sha256)
    assert rows[1] == Row(**example(1))


@pytest.mark.parametrize(
    ("rows", "expected", "message"),
    [
        (examples(3), 4, "holds 3 training rows; 4 were approved"),
        ([example(1), example(1)], 2, "'row-1' stands twice"),
        ([{**example(1), "prompt": "  "}], 1, "line 1 has no prompt"),
        ([{**example(1), "completion": ""}], 1, "line 1 has no completion"),
        ([{"id": "a", "prompt": "p"}], 1, "line 1 has no completion"),
        ([{**example(1), "id": 7}], 1, "line 1 has no id"),
    ],
)
def test_rows_that_were_not_approved_so_are_refused(
    tmp_path: Path, rows: list[dict[str, Any]], expected: int, message: str
) -> None:
    path = tmp_path / "train.jsonl"
    sha256 = write_rows(path, rows)
    with pytest.raises(DataError, match=message):
        data.load_rows(path, expected=expected, sha256=sha256)


def test_an_altered_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    with pytest.raises(DataError, match="has no train.jsonl"):
        data.load_rows(path)
    sha256 = write_rows(path, examples(2))
    path.write_text(path.read_text().replace("cough", "Cough").replace("pain", "Pain") + "")
    write_rows(path, examples(2, start=50))
    with pytest.raises(DataError, match="SHA-256 differs"):
        data.load_rows(path, expected=2, sha256=sha256)


@pytest.mark.parametrize("content", [b'{"id":"a"', b"not json\n", b"\xff\xfe\n"])
def test_a_broken_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train\.jsonl"):
        data.load_rows(path)


def test_prompts_may_lack_reference_and_facts(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    sha256 = write_rows(path, [{"id": "a", "prompt": "p"}, {"id": "b", "prompt": "q", "reference": "r", "facts": None}])
    found = data.load_prompts(path, expected=2, sha256=sha256)
    assert [(prompt.reference, prompt.facts) for prompt in found] == [("", ()), ("r", ())]
