"""A real foreign checkpoint (tiny-lm-stories260k, read in place) loads, trains a few steps, and answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.conftest import MakeRun
from tests.training.tiny import events_of, examples, execute, prompts_from
from training import contract, data, models

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "tiny-lm-stories260k" / "hf"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not on this machine")


@pytest.mark.slow
def test_it_trains_and_answers(make_sft: MakeRun, make_generate: MakeRun) -> None:
    run_dir = make_sft(model=FOLDER, max_steps=6, eval_steps=6, max_length=256)
    assert execute("sft", run_dir) == contract.EXIT_OK
    losses = [event["data"]["loss"] for event in events_of(run_dir) if event["kind"] == "step"]
    assert losses[-1] < losses[0]
    arms = (contract.Arm(name="base"), contract.Arm(name="v1", adapter=str(run_dir / contract.ADAPTER_DIR)))
    gen = make_generate(
        prompts=prompts_from(examples(5, start=800)), arms=arms, model=contract.ModelSpec(path=str(FOLDER))
    )
    assert execute("generate", gen) == contract.EXIT_OK
    figures = contract.read_json(gen / contract.METRICS_FILE)["arms"]
    assert figures["v1"]["perplexity"]["value"] < figures["base"]["perplexity"]["value"]


def test_its_start_token_stands_once_and_its_end_token_last() -> None:
    tokenizer = models.load_tokenizer(FOLDER)
    renderer = data.Renderer(tokenizer, contract.Template())
    row = examples(1)[0]
    rendered = renderer.render(data.Row(**row))
    assert rendered.input_ids.count(tokenizer.bos_token_id) == 1
    assert rendered.input_ids[0] == tokenizer.bos_token_id
    assert rendered.input_ids[-1] == tokenizer.eos_token_id
    assert rendered.input_ids.count(tokenizer.eos_token_id) == 1
    assert rendered.input_ids[: rendered.prompt_length] == renderer.prompt_ids(row["prompt"])
    texts = data.pieces(tokenizer, rendered.input_ids[rendered.prompt_length : -1])
    assert "".join(texts) == row["completion"]
