"""Quantiles of a window's latencies: what lies between the buckets, and what nobody can know."""

import pytest

from exporter.derive.window import Window
from exporter.engines.plan import Snapshot
from tests.pages import snapshot

FAMILY = "time_to_first_token_seconds"


def page(time: float, *engines: tuple[int, int, int, int]) -> Snapshot:
    """Return a page whose engines have these cumulative counts up to 1, 2 and 4 s, and of all."""
    lines = []
    for engine, counts in enumerate(engines):
        labels = f'engine="{engine}",model_name="m"'
        lines.append(f"vllm:num_requests_running{{{labels}}} 1")
        for bound, count in zip(("1.0", "2.0", "4.0", "+Inf"), counts, strict=True):
            lines.append(f'vllm:{FAMILY}_bucket{{{labels},le="{bound}"}} {count}')
        lines += [
            f"vllm:{FAMILY}_sum{{{labels}}} 9",
            f"vllm:{FAMILY}_count{{{labels}}} {counts[3]}",
        ]
    text = f"# TYPE vllm:{FAMILY} histogram\n" + "\n".join(lines) + "\n"
    return snapshot(text, "0.26.0", time)


def test_buckets_without_the_last_do_not_hold_all_latencies() -> None:
    window = Window(60)
    for time in (0, 5):
        text = f'vllm:{FAMILY}_bucket{{engine="0",le="1.0"}} {time}\n'
        window.add(snapshot(f'{text}vllm:{FAMILY}_count{{engine="0"}} {time}\n', "0.26.0", time))
    assert window.latency_quantile(FAMILY, 0.5) is None


def test_a_window_tells_of_its_own_requests_and_of_all_its_engines() -> None:
    window = Window(10)
    for time, counts in ((0, (50, 50, 50, 50)), (5, (50, 55, 60, 60)), (10, (55, 60, 70, 70))):
        window.add(page(time, counts, counts))
    # between the first page and the last 5 up to 1 s, 5 up to 2 s and 10 up to 4 s, each twice
    assert window.latency_quantile(FAMILY, 0.75) == 3.0
    window.add(page(15, (55, 60, 80, 80), (55, 60, 80, 80)))
    # the oldest interval has left: of the 40 that remain 10 are in the first, 30 in the third
    assert window.latency_quantile(FAMILY, 0.9) == pytest.approx(2 + 2 * (0.9 * 40 - 10) / 30)
    assert window.copy().latency_quantile(FAMILY, 0.9) == window.latency_quantile(FAMILY, 0.9)


def test_a_restart_and_an_engine_that_joins_leave_no_lifetime_in_it() -> None:
    window = Window(60)
    window.add(page(0, (0, 500, 500, 500)))
    assert window.add(page(5, (0, 5, 5, 5)))
    assert window.latency_quantile(FAMILY, 0.5) is None
    window.add(page(10, (0, 10, 10, 10)))
    assert window.latency_quantile(FAMILY, 0.5) == 1.5
    window.add(page(15, (0, 15, 15, 15), (0, 0, 9000, 9000)))
    assert window.latency_quantile(FAMILY, 0.5) is None
