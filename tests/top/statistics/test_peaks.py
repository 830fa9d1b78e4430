"""The largest values seen, and time with work."""

from exporter.engines.plan import Snapshot
from exporter.top.statistics.peaks import Peaks
from tests.pages import snapshot


def page(*running: float, waiting: float = 0.0, usage: float = 0.5) -> Snapshot:
    return snapshot(
        "".join(
            f'vllm:num_requests_running{{engine="{i}",model_name="m"}} {number}\n'
            f'vllm:num_requests_waiting{{engine="{i}",model_name="m"}} {waiting}\n'
            f'vllm:kv_cache_usage_perc{{engine="{i}",model_name="m"}} {usage}\n'
            for i, number in enumerate(running)
        ),
        "0.26.0",
    )


def test_peaks_are_of_all_engines_and_of_the_fullest() -> None:
    peaks = Peaks().after(page(3, 9), 0.0, None).after(page(7, 4, waiting=2, usage=0.9), 2.0, 0.3)
    assert peaks.running == 12
    assert peaks.engine_running == 9
    assert peaks.waiting == 4
    assert peaks.kv_usage == 0.9
    assert peaks.token_budget == 0.3


def test_time_with_work_is_that_at_whose_end_requests_ran() -> None:
    peaks = Peaks().after(page(0), 2.0, None).after(page(1), 2.0, None).after(page(0), 2.0, None)
    assert (peaks.seconds, peaks.busy_seconds) == (6.0, 2.0)


def test_what_the_page_does_not_tell_stays_unknown() -> None:
    bare = snapshot('vllm:generation_tokens_total{engine="0"} 1\n', "0.26.0")
    peaks = Peaks().after(bare, 2.0, None)
    assert peaks == Peaks(seconds=2.0)
    assert Peaks().after(page(3), 0.0, None).after(bare, 2.0, None).running == 3
