from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from demo.world.corpus import corpus  # noqa: E402
from training import pretrain  # noqa: E402
from training.errors import TrainingError  # noqa: E402

# these train models: `make test` runs them, `make check` does not
pytestmark = pytest.mark.slow

TINY = [
    "--steps",
    "6",
    "--hidden",
    "32",
    "--layers",
    "1",
    "--heads",
    "2",
    "--vocabulary",
    "700",
    "--batch-tokens",
    "1024",
]


@pytest.fixture(scope="module")
def tokenizer() -> pretrain.PreTrainedTokenizerFast:
    return pretrain.tokenizer_fit(pretrain.tokenizer_texts(7), 2048)


def test_numbers_are_single_pieces_wherever_they_stand(tokenizer: pretrain.PreTrainedTokenizerFast) -> None:
    for number in range(100):
        assert str(number) in tokenizer.tokenize(f"I'm {number}.")
        assert tokenizer.tokenize(f"{number}-year")[0] == str(number)


def test_tokenizer_gives_every_text_back(tokenizer: pretrain.PreTrainedTokenizerFast) -> None:
    for text in ("café №5 — “quoted” 日本", "2.5 mg\n\n12345", *(d.text for d in corpus(7, 50))):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_marks_of_facts_fall_on_their_tokens(tokenizer: pretrain.PreTrainedTokenizerFast) -> None:
    for document in corpus(7, 100):
        encoded = pretrain.encode(tokenizer, document)
        assert len(encoded.ids) == len(encoded.parts)
        marked = tokenizer.decode([i for i, part in zip(encoded.ids, encoded.parts, strict=True) if part == 2])
        facts = "".join(document.told[start:end] for start, end in document.facts)
        assert marked.replace(" ", "") == facts.replace(" ", "")


def test_every_document_fits_the_positions(tokenizer: pretrain.PreTrainedTokenizerFast) -> None:
    assert max(len(pretrain.encode(tokenizer, d).ids) for d in corpus(7, 2000, lists_share=0.1)) <= pretrain.LONGEST


def test_batches_keep_every_document_and_the_token_limit() -> None:
    documents = [pretrain.Encoded(list(range(n % 90 + 1)), [0] * (n % 90 + 1)) for n in range(1200)]
    groups = list(pretrain.batches(iter(documents), 256, seed=3))
    assert sorted(len(one.ids) for group in groups for one in group) == sorted(len(one.ids) for one in documents)
    assert all(len(group) * max(len(one.ids) for one in group) <= 256 for group in groups)


def test_padding_has_no_weight() -> None:
    batch = [pretrain.Encoded([5, 6, 7], [0, 1, 2]), pretrain.Encoded([8], [2])]
    ids, weights = pretrain.collate(batch, 0, (0.1, 0.2, 1.0))
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert torch.allclose(weights, torch.tensor([[0.1, 0.2, 1.0], [1.0, 0.0, 0.0]]))


def test_rate_warms_up_and_comes_down() -> None:
    options = pretrain.Options(out=Path("x"), steps=1000)
    rates = [pretrain.rate_at(step, options) for step in range(1000)]
    assert rates[0] < rates[50] < max(rates) <= options.learning_rate
    assert rates[-1] < 0.05 * options.learning_rate


def test_command_writes_a_model_that_loads_and_repeats(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert pretrain.main(["--out", str(tmp_path / name), *TINY]) == 0
    one, two = (AutoModelForCausalLM.from_pretrained(tmp_path / n, dtype="float32") for n in ("one", "two"))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    assert tokenizer.eos_token == pretrain.END
    assert tokenizer.chat_template is None
    assert json.loads((tmp_path / "one" / "config.json").read_text())["vocab_size"] == len(tokenizer)
    text = (tmp_path / "one" / "README.md").read_text()
    assert "--steps 6" in text
    assert "seed 7" in text
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--hidden", "33"], "multiple"),
        (["--vocabulary", "10"], "vocabulary"),
        (["--steps", "0"], "above 0"),
        (["--batch-tokens", "9"], "batch-tokens"),
    ],
)
def test_impossible_shapes_are_refused(tmp_path: Path, flags: list[str], says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        pretrain.main(["--out", str(tmp_path / "m"), *flags])
    assert not (tmp_path / "m").exists()


def test_a_model_that_is_there_is_kept(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there already"):
        pretrain.main(["--out", str(tmp_path), *TINY])
