"""The load client of real engines: what it sends, and what it counts."""

import json
from pathlib import Path
from random import Random

import pytest

from scripts.live.client import Client, Shape
from scripts.live.model import SIZES, VOCABULARY, write_model


@pytest.mark.parametrize("name", SIZES)
def test_a_tokenizer_has_a_word_for_every_number(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path, name)
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(VOCABULARY))
    assert json.loads((folder / "config.json").read_text())["hidden_size"] > 0


def test_prompts_share_their_beginning_and_nothing_behind_it() -> None:
    shape, chance = Shape(prompt=320, output=64, shared=256), Random(1)
    first, second = (shape.body("m", chance) for _ in range(2))
    assert first["prompt"][:256] == second["prompt"][:256]
    assert first["prompt"][256:] != second["prompt"][256:]
    assert len(first["prompt"]) == 320
    assert 51 <= first["min_tokens"] == first["max_tokens"] <= 77


def test_rates_lie_between_what_was_wholly_and_what_was_partly_in_the_time() -> None:
    client = Client(1, "m", 2, answers=[(0.0, 10.0, 100), (5.0, 15.0, 200), (30.0, 40.0, 7)])
    assert client.rates(0.0, 12.0) == (100 / 12, 300 / 12)
    assert client.rates(20.0, 25.0) == (0.0, 0.0)
