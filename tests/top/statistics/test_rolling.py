"""Windows of events: what they add up, and what they leave out."""

import pytest

from exporter.derive.counters.histogram import Histogram
from exporter.derive.counters.limits import ServerLimits
from exporter.engines.plan import Snapshot
from exporter.top.statistics.rolling import RollingWindow, lifetime
from tests.pages import snapshot

FIRST = "time_to_first_token_seconds"
Counts = tuple[float, float, float]


def page(
    time: float, *engines: Counts | None, running: float = 1.0, start: float = 5.0, more: str = ""
) -> Snapshot:
    """Return a page of engines, each with the counts of its buckets 0.1, 1 and +Inf."""
    text = f"process_start_time_seconds {start}\n"
    for number, counts in enumerate(engines):
        if counts is None:
            continue
        labels = f'engine="{number}",model_name="m"'
        text += f"vllm:num_requests_running{{{labels}}} {running}\n"
        text += f"vllm:generation_tokens_total{{{labels}}} {counts[2] * 10}\n"
        for bound, count in zip(("0.1", "1.0", "+Inf"), counts, strict=True):
            text += f'vllm:{FIRST}_bucket{{{labels},le="{bound}"}} {count}\n'
        text += f"vllm:{FIRST}_count{{{labels}}} {counts[2]}\n"
        text += f"vllm:{FIRST}_sum{{{labels}}} {counts[2] * 0.5}\n"
    return snapshot(text + more, "0.26.0", time)


def window(*pages: Snapshot, seconds: float = 60.0) -> RollingWindow:
    made = RollingWindow(seconds)
    for one in pages:
        made.add(one, ServerLimits())
    return made


def counts(made: RollingWindow) -> tuple[float, ...] | None:
    histogram = made.histogram(FIRST)
    return histogram.counts if histogram else None


def test_a_window_holds_the_growth_and_not_the_lifetime() -> None:
    made = window(page(0, (10, 20, 30)), page(2, (11, 23, 34)), page(4, (11, 24, 36)))
    assert counts(made) == (1, 4, 6)
    assert made.seconds == 4
    found = made.histogram(FIRST)
    assert found is not None
    assert found.mean == 0.5


def test_before_the_second_page_nothing_is_known() -> None:
    made = window(page(0, (1, 2, 3)))
    assert counts(made) is None
    assert made.events("requests_finished_total") is None
    assert RollingWindow(60).histogram(FIRST) is None


def test_a_window_of_no_events_is_known_to_be_empty() -> None:
    assert counts(window(page(0, (1, 2, 3)), page(2, (1, 2, 3)))) == (0, 0, 0)


def test_what_is_older_than_the_window_leaves_it() -> None:
    pages = [page(2.0 * i, (i, i, i)) for i in range(10)]
    made = window(*pages, seconds=6)
    assert counts(made) == (3, 3, 3)
    assert made.seconds == 6


def test_time_without_pages_empties_a_window() -> None:
    made = window(page(0, (1, 1, 1)), page(2, (2, 2, 2)), page(200, (9, 9, 9)))
    assert counts(made) is None
    assert made.seconds == 0


@pytest.mark.parametrize("start", [5.0, 90.0])
def test_a_restart_is_never_counted(start: float) -> None:
    made = window(page(0, (10, 20, 30)), page(2, (12, 22, 32)))
    made.add(page(4, (1, 2, 3), start=start), ServerLimits())
    assert counts(made) is None
    made.add(page(6, (2, 3, 5), start=start), ServerLimits())
    assert counts(made) == (1, 1, 2)


def test_engines_are_added_up_and_one_that_restarts_is_left_out() -> None:
    made = window(page(0, (1, 1, 1), (50, 50, 50)), page(2, (3, 3, 3), (60, 60, 60)))
    assert counts(made) == (12, 12, 12)
    made.add(page(4, (4, 4, 4), (5, 5, 5)), ServerLimits())
    assert counts(made) == (13, 13, 13)
    made.add(page(6, (5, 5, 5), (6, 6, 6)), ServerLimits())
    assert counts(made) == (15, 15, 15)


def test_an_engine_that_joins_brings_no_lifetime() -> None:
    made = window(page(0, (1, 1, 1)), page(2, (2, 2, 2), (900, 900, 900)))
    assert counts(made) == (1, 1, 1)
    made.add(page(4, (2, 2, 2), (901, 901, 901)), ServerLimits())
    assert counts(made) == (2, 2, 2)


def test_reasons_that_appear_later_count_from_nothing() -> None:
    def finished(stop: int, length: int | None) -> str:
        name = "vllm:request_success_total"
        text = f'{name}{{engine="0",model_name="m",finished_reason="stop"}} {stop}\n'
        if length is not None:
            text += f'{name}{{engine="0",model_name="m",finished_reason="length"}} {length}\n'
        return text

    made = window(
        page(0, (1, 1, 1), more=finished(7, None)), page(2, (1, 1, 1), more=finished(9, 4))
    )
    assert made.events("requests_finished_total") == {"length": 4, "stop": 2}


def test_answers_of_the_server_are_counted_beside_its_engines() -> None:
    def answers(good: int, bad: int) -> str:
        return "".join(
            f'http_requests_total{{handler="/v1/completions",method="POST",status="{s}"}} {n}\n'
            for s, n in (("2xx", good), ("5xx", bad))
        )

    made = window(
        page(0, (1, 1, 1), (1, 1, 1), more=answers(5, 1)),
        page(2, (1, 1, 1), (1, 1, 1), more=answers(9, 2)),
    )
    assert made.events("http_responses_total") == {"2xx": 4, "5xx": 1}


def test_an_engine_without_buckets_has_no_quantiles() -> None:
    bare = 'vllm:num_requests_running{engine="0",model_name="m"} 1\n'
    made = window(snapshot(bare, "0.26.0", 0), snapshot(bare, "0.26.0", 2))
    assert counts(made) is None


def test_buckets_without_the_last_do_not_hold_all_events() -> None:
    text = f'vllm:{FIRST}_bucket{{engine="0",le="1.0"}} 3\nvllm:{FIRST}_count{{engine="0"}} 3\n'
    made = window(snapshot(text, "0.26.0", 0), snapshot(text, "0.26.0", 2))
    assert counts(made) is None


def test_a_lifetime_is_all_that_engines_counted() -> None:
    found = lifetime(page(0, (1, 2, 3), (10, 20, 30)), FIRST)
    assert found == Histogram((0.1, 1.0, float("inf")), (11, 22, 33))
    assert lifetime(page(0, (1, 2, 3)), "queue_seconds") is None
