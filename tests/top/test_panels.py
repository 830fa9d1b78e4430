"""One server in full: every figure has its place, and GPUs say what is wrong with them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from rich.text import Text

from exporter.derive.counters.histogram import Share
from exporter.derive.figure import Figure
from exporter.derive.figures import FIGURES
from exporter.publish.figures import Json
from exporter.top.detail import Detail
from exporter.top.panels import ServerState, server_head, server_lines
from exporter.top.statistics.goodput import Attainment, Objective
from exporter.top.statistics.peaks import Peaks

EMPTY = Detail(60.0, Peaks(), {}, {}, {}, None, (), ())


def words(report: Json, detail: Detail = EMPTY, width: int = 100) -> str:
    lines = server_lines(ServerState({"target": "t", **report}, detail, True, "live"), width)
    return " ".join(" ".join(line.plain for line in lines).split())


def known(figure: Figure) -> object:
    if figure.states:
        return next(iter(figure.states))
    return {"local": 0.5} if figure.label else 0.5


def test_every_figure_stands_somewhere() -> None:
    shown = words({figure.name: known(figure) for figure in FIGURES})
    for figure in FIGURES:
        # latencies stand in a table of their own, and what bounds the server in the head
        if figure.unit != "s" and figure.name != "bound" and not figure.momentary:
            assert f"{figure.title}, local 50%" in shown or f"{figure.title} " in shown, figure.name
    assert "Running 0.50 sequences (now 0)" in shown


def test_before_there_is_a_mean_the_newest_value_stands_alone() -> None:
    assert "Running now 3 requests" in words({"requests_running": 3.0})


def test_what_is_unknown_is_not_shown() -> None:
    shown = words({figure.name: None for figure in FIGURES})
    assert all(f"{figure.title} " not in shown for figure in FIGURES)


def gpu(**values: object) -> Mapping[str, object]:
    return {"uuid": "GPU-1", "model": "NVIDIA H200", "index": "3", "throttled": [], **values}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {
                "power_watts": 520.4,
                "power_limit_watts": 700.0,
                "memory_used_bytes": 70 * 2.0**30,
                "memory_total_bytes": 141 * 2.0**30,
                "utilization_ratio": 0.98,
            },
            "GPU 3 NVIDIA H200 power 520 of 700 W memory 70.0 of 141.0 GiB any kernel ran 98% "
            "held down by nothing",
        ),
        ({"throttled": ["sw_power_cap"]}, "held down by sw_power_cap"),
        ({"up": 0.0, "power_watts": 0.0}, "GPU 3 NVIDIA H200 state lost"),
    ],
)
def test_a_gpu_says_what_it_does_and_what_holds_it_down(
    values: Mapping[str, object], text: str
) -> None:
    assert text in words({"gpu_telemetry": [gpu(**values)]})


def test_what_a_gpu_does_not_tell_is_absent() -> None:
    shown = words({"gpu_telemetry": [gpu(throttled=None)]})
    for word in ("power", "memory", "held down", "temperature"):
        assert word not in shown


def styles(detail: Detail) -> set[str]:
    lines = server_lines(ServerState({"target": "t"}, detail, True, "live"), 100)
    return {
        str(span.style) for line in lines for span in line.spans if "wanted" in _part(line, span)
    }


def _part(line: Text, span: object) -> str:
    return line.plain[getattr(span, "start", 0) : getattr(span, "end", 0)]


def test_an_objective_that_is_missed_stands_out() -> None:
    def with_share(low: float, high: float) -> Detail:
        missed = Attainment(Objective(1.0, 0.99), Share(low, high))
        return replace(EMPTY, objectives={"time_to_first_token": missed})

    assert styles(with_share(0.9, 0.95)) == {"bold"}
    # between buckets it may have been met
    assert "bold" not in styles(with_share(0.9, 0.995))


def test_a_stalled_server_is_said_in_its_head() -> None:
    state = ServerState({"target": "t", "stalled": True, "bound": "demand"}, EMPTY, True, "live")
    head = " ".join(line.plain for line in server_head(state, 80))
    assert "stalled" in head
    assert "bound by demand" in head
