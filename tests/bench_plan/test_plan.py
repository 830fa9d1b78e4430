"""The plan as a whole: what it says, what it lacks, and its text."""

import json
from dataclasses import replace

import pytest

from exporter.base.errors import CompareError
from exporter.bench_plan.text import text
from tests.bench_plan.plans import LONG_TAIL, TRAFFIC, UNKNOWN, plan


def test_text() -> None:
    printed = text(plan())
    for line in (
        "org/dense-8b on NVIDIA H200, vllm 0.26.0, 3 servers",
        "mean 1000 tokens, standard deviation 200, median 950, p90 1300 (5000 requests)",
        "median 4, p90 9 sequences (2 windows of 60 min)",
        "The plan: 2 runs a side, in the order A B B A (A baseline, B candidate)",
        "5.0% of speed in 80% of cases, at a level of 5%",
        "inferfleet compare --baseline-recording runs/01-baseline.tar.xz runs/04-baseline.tar.xz "
        "--candidate-recording runs/02-candidate.tar.xz runs/03-candidate.tar.xz --margin 2.5%",
    ):
        assert line in printed, printed


def test_what_is_unknown_is_said_and_never_guessed() -> None:
    with pytest.raises(CompareError, match="--input-tokens: the fleet's series do not say how"):
        plan(UNKNOWN)
    with pytest.raises(CompareError, match="--output-tokens: the fleet's series do not say"):
        plan(UNKNOWN, input_tokens=500)
    made = plan(UNKNOWN, input_tokens=500, output_tokens=100)
    printed = text(made)
    assert printed.count(" unknown") >= 6
    assert "the share of prompts that caches hold is not known: all prompts differ" in printed
    assert "the time to first token is not known" in printed
    assert "--random-prefix-len" not in printed


def test_notes() -> None:
    busy = replace(LONG_TAIL, saturated_share=0.2, accepted_share=0.7, releases=("a", "b"))
    notes = " ".join(plan(busy).notes)
    for part in (
        "several releases: a, b",
        "20% of outputs are longer than the histogram's last bound",
        "requests waited for room 20% of the time",
        "the fleet speculates, and accepts 70% of its drafts",
    ):
        assert part in notes


def test_more_runs_for_a_smaller_effect() -> None:
    made = plan(effect=0.02)
    assert made.order.count("baseline") == made.order.count("candidate") == 4
    assert made.compare()[-2:] == ("--margin", "1%")


def test_nothing_decoded_is_no_load() -> None:
    with pytest.raises(CompareError, match="--window: no load cell of org/dense-8b has decoded"):
        plan(replace(TRAFFIC, cells=()))


def test_an_engine_without_a_client_has_no_plan() -> None:
    with pytest.raises(CompareError, match="runs on other, whose load client is not known"):
        plan(replace(TRAFFIC, engine="other"))


def test_a_prompt_that_caches_hold_whole_keeps_a_token_of_its_own() -> None:
    assert plan(replace(TRAFFIC, cached_share=1.0)).shape.own_tokens == 1


def test_document_is_json() -> None:
    document = json.loads(json.dumps(plan().document(), allow_nan=False))
    assert document["runs_per_side"] == 2
    assert document["traffic"]["prompt"]["mean"] == 1000.0
    assert document["points"][0]["command"][:3] == ["vllm", "bench", "serve"]


def test_names_from_outside_end_no_line() -> None:
    with pytest.raises(CompareError, match=r"--model: a\\nrm .* holds what no command can"):
        plan(replace(TRAFFIC, model="a\nrm -rf /\x1b[31m"))
    hostile = replace(TRAFFIC, gpu_model="x\nrm", releases=("y\nrm", "z\x1b[31m"))
    for line in text(plan(hostile)).splitlines():
        assert line.isprintable()
        assert not line.startswith("rm")
