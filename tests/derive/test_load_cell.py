"""What an interval's work is, and the batch it was done under."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.interval import Interval
from exporter.derive.load_cell import IDLE, PREFILL, End, batch_label, batch_of, work_of
from exporter.engines.plan import Snapshot
from tests.cells import counted, total
from tests.pages import snapshot

EDGES = [1.0, *(edge * 2.0**k for k in range(20) for edge in (1.5, 2.0))]
QUIET = End(None, None, None)


def done(
    engine: str = "vllm",
    ends: tuple[End, End] = (QUIET, QUIET),
    gpus: float | None = None,
    joules: float | None = None,
    **increase: float,
) -> dict[str, float] | None:
    return work_of(Interval(10.0, increase, None, None, None), engine, ends, gpus, joules)


@given(st.floats(1e-9, EDGES[-1]))
def test_a_cell_is_a_half_octave_named_by_its_upper_edge(batch: float) -> None:
    upper = float(batch_label(batch))
    assert upper in EDGES
    lower = ([0.0, *EDGES])[EDGES.index(upper)]
    assert lower < batch <= upper


def test_the_names_of_the_cells() -> None:
    names = [batch_label((low + high) / 2) for low, high in pairwise([0.0, *EDGES])]
    assert names[:9] == ["1", "1.5", "2", "3", "4", "6", "8", "12", "16"]
    assert names[20:23] == ["1024", "1536", "2048"]
    assert names[-1] == str(2**20)


def test_vllms_latency_sum_is_sequence_time_under_speculation_too() -> None:
    # 40 sequences for 10 s, 100 outputs each, three tokens an output
    found = done(
        decode_sequence_seconds=400, decode_outputs=4000, generation_tokens=12020, first_tokens=20
    )
    assert found is not None
    assert found["decode_sequence_seconds"] == 400
    assert found["decode_tokens"] == 12000
    assert batch_of(found) == "48"


def test_sglangs_latency_stands_for_the_tokens_it_did_not_see() -> None:
    found = done("sglang", decode_sequence_seconds=260, decode_outputs=6500, decode_tokens=10000)
    assert found is not None
    assert found["decode_sequence_seconds"] == 400
    assert found["decode_tokens"] == 10000


@pytest.mark.parametrize(
    ("engine", "increase"),
    [
        ("sglang", {"decode_tokens": 10.0}),
        ("sglang", {"decode_tokens": 10.0, "decode_sequence_seconds": 0, "decode_outputs": 0}),
        ("vllm", {"generation_tokens": 10.0}),
    ],
)
def test_without_latencies_running_requests_are_the_batch(
    engine: str, increase: dict[str, Any]
) -> None:
    found = done(engine, (End(3, None, None), End(5, None, None)), **increase)
    assert found is not None
    assert found["decode_sequence_seconds"] == 40
    assert batch_of(found) == "4"


@pytest.mark.parametrize(
    ("engine", "increase"),
    [
        ("sglang", {"generation_tokens": 10.0, "decode_sequence_seconds": 5.0}),
        ("vllm", {"generation_tokens": 10.0}),
        ("vllm", {"decode_sequence_seconds": 5.0}),
    ],
)
def test_where_no_law_holds_there_is_no_work(engine: str, increase: dict[str, Any]) -> None:
    assert done(engine, **increase) is None


def test_everything_a_cell_sums() -> None:
    found = done(
        ends=(End(8, 2, 1000), End(8, 1, 3000)),
        gpus=4,
        joules=7000,
        decode_sequence_seconds=80,
        generation_tokens=1020,
        first_tokens=20,
        first_token_seconds=6,
        prompt_tokens_computed=5000,
        finished_prefill_tokens=4000,
        finished_prefill_seconds=5,
        spec_draft_tokens=30,
        spec_accepted_tokens=20,
    )
    assert found == {
        "seconds": 10,
        "gpu_seconds": 40,
        "decode_sequence_seconds": 80,
        "decode_tokens": 1000,
        "prefill_tokens": 5000,
        "context_token_seconds": 20000,
        "saturated_seconds": 10,
        "first_tokens": 20,
        "first_token_seconds": 6,
        "finished_prefill_tokens": 4000,
        "finished_prefill_seconds": 5,
        "spec_draft_tokens": 30,
        "spec_accepted_tokens": 20,
        "joules": 7000,
        "metered_decode_tokens": 1000,
    }


def test_a_queue_at_one_end_is_no_saturation_and_what_is_unknown_is_missing() -> None:
    half = done(ends=(End(1, 0, None), End(1, 9, None)), generation_tokens=0)
    assert half is not None
    assert half["saturated_seconds"] == 0
    assert "context_token_seconds" not in half
    assert "gpu_seconds" not in half
    quiet = done(generation_tokens=0, decode_sequence_seconds=0)
    assert quiet is not None
    assert "saturated_seconds" not in quiet
    assert "prefill_tokens" not in quiet


def test_prefill_before_engines_counted_computed_tokens() -> None:
    found = done(decode_sequence_seconds=0, generation_tokens=0, prompt_tokens=900, hit_local=400)
    assert found is not None
    assert found["prefill_tokens"] == 500


def test_prompts_alone_are_neither_idle_nor_decoding() -> None:
    still: dict[str, Any] = {"decode_sequence_seconds": 0, "generation_tokens": 1}
    assert batch_of(done(**still, first_tokens=1, prompt_tokens_computed=9) or {}) == PREFILL
    assert batch_of(done(**still, first_tokens=1) or {}) == PREFILL
    assert batch_of(done(**still) or {}) == "1"
    assert batch_of(done(decode_sequence_seconds=0, generation_tokens=0) or {}) == IDLE


@pytest.mark.parametrize("latency", ["", "sglang:inter_token_latency_seconds_sum 40\n"])
def test_a_server_that_never_decodes_has_prompts_and_nothing_unknown(latency: str) -> None:
    """SGLang's prefill servers count no decoded tokens; some releases time their prefills."""

    def page(time: float) -> Snapshot:
        text = f'sglang:realtime_tokens_total{{mode="prefill_compute"}} {1e6 + 3e4 * time}\n'
        text += f"sglang:num_running_reqs 3\nsglang:generation_tokens_total {9 + time}\n"
        return snapshot(text + latency + latency.replace("_sum", "_count"), "0.5.23", time)

    found = counted([page(0), page(5), page(10)])
    assert found.excluded == {}
    assert {batch for _, batch in found.cells} == {PREFILL}
    assert total(found, "prefill_tokens") == 300_000
    assert total(found, "seconds") == 10


def test_once_it_decodes_a_server_is_no_prefill_server() -> None:
    def page(time: float, decoded: str) -> Snapshot:
        text = f'sglang:realtime_tokens_total{{mode="prefill_compute"}} {1e4 + 100 * time}\n'
        return snapshot(text + decoded + "sglang:num_running_reqs 4\n", "0.5.23", time)

    made = 'sglang:realtime_tokens_total{mode="decode"} %d\n'
    found = counted([page(0, ""), page(5, made % 100), page(10, made % 200)])
    assert found.excluded == {}
    assert {batch for _, batch in found.cells} == {"4"}
    assert total(found, "decode_tokens") == 200
