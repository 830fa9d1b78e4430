"""Sums of latencies go on from where they were when an engine adds what is no latency."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.counters.latency_sums import LatencySums
from exporter.derive.interval import between
from exporter.engines.plan import Snapshot
from tests.pages import snapshot, values

BOUNDS = (0.5, 2.0, 10.0)
DAY = 86_400.0
UPTIME = 30 * DAY
NOW = 1_000_000.0


def page(
    latencies: dict[str, list[float]],
    time: float = 0.0,
    start: float | None = None,
    name: str = "request_queue_time_seconds",
    buckets: bool = True,
    more: str = "",
) -> Snapshot:
    """Return a page with the latencies of each engine's requests."""
    lines = ["" if start is None else f"process_start_time_seconds {start}\n"]
    for engine, waited in latencies.items():
        label = f'engine="{engine}"'
        lines += [
            f'vllm:{name}_bucket{{{label},le="{bound}"}} {sum(w <= bound for w in waited)}\n'
            for bound in (*BOUNDS, float("inf"))
            if buckets
        ]
        lines.append(f"vllm:{name}_count{{{label}}} {len(waited)}\n")
        lines.append(f"vllm:{name}_sum{{{label}}} {sum(waited)!r}\n")
        lines.append(f"vllm:num_requests_running{{{label}}} 1\n")
    return snapshot("".join(lines).replace("inf", "+Inf") + more, time=time)


def published(found: Snapshot, family: str = "queue_seconds") -> dict[str, float]:
    return values(found, family, "_sum")


def follow(*pages: Snapshot) -> list[Snapshot]:
    sums = LatencySums()
    return [sums.corrected(one, NOW + one.time) for one in pages]


def test_what_needs_no_correction_is_not_touched() -> None:
    pages = [page({"0": [0.1] * i}, time=float(i)) for i in range(5)]
    assert all(one is other for one, other in zip(follow(*pages), pages, strict=True))


@pytest.mark.parametrize("wrong", [-UPTIME, UPTIME, -0.4, 3 * DAY])
@pytest.mark.parametrize("buckets", [True, False])
def test_a_sum_that_falls_or_jumps_goes_on_without_it(wrong: float, buckets: bool) -> None:
    waits = [
        [0.3],
        [0.3, 0.2],
        [0.3, 0.2, wrong],
        [0.3, 0.2, wrong, 0.4],
        [0.3, 0.2, wrong, 0.4, 1],
    ]
    pages = [page({"0": w}, float(i), NOW - 900, buckets=buckets) for i, w in enumerate(waits)]
    sums = [published(one)["engine_index=0"] for one in follow(*pages)]
    assert sums == pytest.approx([0.3, 0.5, 0.5, 0.9, 1.9], abs=1e-6)
    assert sums == sorted(sums)


def test_the_buckets_bound_a_sum_before_the_age_of_the_server_does() -> None:
    """Many requests of an old server allow years; those in low buckets allow seconds."""
    normal = [0.1] * 500
    pages = [page({"0": w}, float(i), NOW - UPTIME) for i, w in enumerate(([], normal))]
    jump = page({"0": [*normal, *normal, 2 * DAY]}, 2.0, NOW - UPTIME)
    assert published(follow(*pages, jump)[-1]) == {"engine_index=0": pytest.approx(50.0)}


@given(st.lists(st.lists(st.floats(0, 80_000), max_size=3), min_size=2, max_size=6))
def test_no_latency_that_can_be_is_taken_for_a_fault(added: list[list[float]]) -> None:
    waits = [[w for some in added[:i] for w in some] for i in range(len(added) + 1)]
    pages = [page({"0": w}, float(i), NOW - DAY) for i, w in enumerate(waits)]
    sums = LatencySums()
    for one in pages:
        assert sums.corrected(one, NOW + one.time) is one
    assert not sums.faults


SAMPLES = st.one_of(st.floats(0, 9), st.floats(-UPTIME, UPTIME), st.sampled_from([UPTIME, -UPTIME]))


@given(st.lists(st.lists(SAMPLES, max_size=3), min_size=2, max_size=8), st.booleans())
def test_a_published_sum_never_falls_nor_grows_by_more_than_can_be(
    added: list[list[float]], buckets: bool
) -> None:
    waits = [[w for some in added[:i] for w in some] for i in range(len(added) + 1)]
    pages = [page({"0": w}, float(i), NOW - 900, buckets=buckets) for i, w in enumerate(waits)]
    sums = [published(one)["engine_index=0"] for one in follow(*pages)]
    for i, (before, after) in enumerate(itertools.pairwise(sums)):
        # the age of the server, what two clocks may differ by, and what may be read halfway
        assert 0 <= after - before <= len(added[i]) * (900 + i + 1 + 300) + 600 + 1e-3


def test_the_measure_of_a_fault_is_unknown_for_its_interval_alone() -> None:
    waits = [[1.0], [1.0, UPTIME], [1.0, UPTIME, 2.0]]
    name = "time_to_first_token_seconds"
    pages = follow(*(page({"0": w}, 5.0 * i, name=name) for i, w in enumerate(waits)))
    faulty, after = (between(a, b) for a, b in itertools.pairwise(pages))
    assert faulty is not None
    assert after is not None
    assert "first_token_seconds" in faulty.unknown
    assert "first_token_seconds" not in faulty.increase
    assert after.increase["first_token_seconds"] == pytest.approx(2.0)


def test_a_correction_outlives_another_layout_and_an_engine_that_was_missing() -> None:
    wrong = {"0": [0.2, UPTIME], "1": [0.3, -UPTIME]}
    more = 'vllm:generation_tokens_total{engine="0"} 5\n'
    pages = follow(
        page({"0": [0.2], "1": [0.3]}),
        page(wrong, 1.0),
        page(wrong, 2.0, more=more),
        page({"0": wrong["0"]}, 3.0, more=more),
        page({"0": [*wrong["0"], 1.0], "1": [*wrong["1"], 0.5]}, 4.0, more=more),
    )
    assert published(pages[2]) == pytest.approx({"engine_index=0": 0.2, "engine_index=1": 0.3})
    assert published(pages[4]) == {
        "engine_index=0": pytest.approx(1.2, abs=1e-6),
        "engine_index=1": pytest.approx(0.8, abs=1e-6),
    }


def test_a_restart_ends_the_correction() -> None:
    wrong = [0.2, 0.2, UPTIME]
    for restarted in (
        page({"0": [0.7]}, 2.0, NOW - 900),
        page({"0": [0.7] * 5}, 2.0, NOW + 2),
    ):
        pages = follow(
            page({"0": [0.2]}, 0.0, NOW - 900), page({"0": wrong}, 1.0, NOW - 900), restarted
        )
        assert published(pages[-1]) == published(restarted)


def test_a_sum_below_nothing_is_not_published_even_at_first_sight() -> None:
    pages = follow(page({"0": [0.2, -UPTIME]}), page({"0": [0.2, -UPTIME, 0.5]}, 1.0))
    assert [published(one)["engine_index=0"] for one in pages] == [0.0, pytest.approx(0.5)]


def test_corrections_of_series_that_never_come_back_are_forgotten() -> None:
    sums = LatencySums()
    for i in range(1500):
        sums.corrected(page({str(i): [-UPTIME]}, float(i), buckets=False), NOW)
    assert len(sums._corrections) <= 1025
