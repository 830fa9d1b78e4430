"""What a window says of recorded servers, against what their load clients measured themselves."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

import pytest

from exporter.derive.counters.limits import ServerLimits
from exporter.replay.recording import Recording
from exporter.replay.snapshots import snapshots
from exporter.top.statistics.goodput import Objective, Objectives, goodput
from exporter.top.statistics.rolling import RollingWindow
from tests.conftest import H200

LATENCIES = {
    "ttft": "time_to_first_token_seconds",
    "itl": "inter_token_latency_seconds",
    "e2e": "request_latency_seconds",
}
QUANTILES = {"p50": 0.5, "p99": 0.99}
# the client's clock also runs while its requests are on their way
ON_THE_WAY = 1.1


def windows(recording: Recording) -> list[tuple[Mapping[str, Any], RollingWindow]]:
    """Return each load phase as its client tells it, and a window over it."""
    pages, found = list(snapshots(recording)), []
    for phase in recording.phases:
        window = RollingWindow(1e6)
        for page in pages:
            # pages are 2 s apart, and phases 4 s
            if phase["start"] - 2.5 <= page.time <= phase["end"] + 3:
                window.add(page, ServerLimits())
        found.append((phase, window))
    return found


@pytest.mark.parametrize("name", H200)
def test_quantiles_hold_what_the_client_measured(
    name: str, recording: Callable[[str], Recording]
) -> None:
    compared = 0
    for phase, window in windows(recording(name)):
        for key, family in LATENCIES.items():
            histogram = window.histogram(family)
            assert histogram is not None
            for text, q in QUANTILES.items():
                measured = phase.get(f"{key}_{text}")
                if measured is not None:
                    quantile = histogram.quantile(q)
                    assert quantile is not None
                    assert measured >= (quantile.lower or 0.0), (phase["name"], key, text)
                    assert measured <= (quantile.upper or inf) * ON_THE_WAY
                    compared += 1
    # two phases stream, and all seven have whole requests
    assert compared == 2 * 4 + 7 * 2


@pytest.mark.parametrize("name", H200)
def test_requests_and_their_lengths_are_the_clients(
    name: str, recording: Callable[[str], Recording]
) -> None:
    for phase, window in windows(recording(name)):
        finished = window.events("requests_finished_total")
        assert finished is not None
        assert {reason: n for reason, n in finished.items() if n} == {"length": phase["done"]}
        prompts = window.histogram("request_prompt_tokens")
        completions = window.histogram("request_completion_tokens")
        assert prompts is not None
        assert completions is not None
        assert prompts.mean == pytest.approx(phase["prompt_tokens"] / phase["done"])
        assert completions.mean == pytest.approx(phase["gen_tokens"] / phase["done"])


def test_goodput_under_a_load_without_a_queue_is_the_clients_rate(
    recording: Callable[[str], Recording],
) -> None:
    phase, window = windows(recording("vllm-dense-0.26.0"))[1]
    assert phase["name"] == "small"
    good = goodput(
        window.histogram("time_to_first_token_seconds"),
        window.histogram("time_per_output_token_seconds"),
        Objectives(Objective(0.25, 0.99), Objective(0.05, 0.99)),
        window.seconds,
    )
    assert good is not None
    # by the client 99 % had their first token within 0.213 s
    assert phase["ttft_p99"] < 0.25
    assert 0.99 * phase["done"] <= good.low * window.seconds <= good.high * window.seconds
    assert good.high * window.seconds <= phase["done"] * 1.000001
