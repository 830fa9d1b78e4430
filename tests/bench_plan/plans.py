"""Plans to look at: of a fleet whose traffic is known."""

from dataclasses import replace

from exporter.bench_plan.lengths import Lengths
from exporter.bench_plan.plan import Plan, Request, plan_of
from exporter.bench_plan.traffic import Cell, Hour, Traffic

TRAFFIC = Traffic(
    engine="vllm",
    model="org/dense-8b",
    gpu_model="NVIDIA H200",
    releases=("0.26.0",),
    servers=3,
    prompt=Lengths(5000.0, 1000.0, 200.0, 950.0, 1300.0),
    output=Lengths(5000.0, 200.0, 60.0, 190.0, 290.0),
    cells=(Cell(3600.0, 7200.0, 7.2e5, 3600.0, 360.0), Cell(3600.0, 57_600.0, 4.0e6, 2e4, 7200.0)),
    hours=(Hour(1.77e9, 9.0, 3.2), Hour(1.77e9 + 3600, 4.0, 1.5)),
    hour_seconds=3600.0,
    hit_ratio=0.3,
    cached_share=0.25,
    saturated_share=0.0,
    accepted_share=None,
    gpus=2.0,
)
REQUEST = Request(
    effect=0.05,
    spread=0.008,
    point_seconds=60.0,
    base_url="http://127.0.0.1:8000",
    port=8000,
)
UNKNOWN = replace(
    TRAFFIC,
    prompt=None,
    output=None,
    hit_ratio=None,
    cached_share=None,
    saturated_share=None,
    gpus=None,
    hours=(),
    cells=tuple(replace(cell, first_token_seconds=None) for cell in TRAFFIC.cells),
)
LONG_TAIL = replace(TRAFFIC, output=Lengths(5000.0, 200.0, 400.0, beyond_share=0.2))


def plan(traffic: Traffic = TRAFFIC, **request: object) -> Plan:
    return plan_of(traffic, replace(REQUEST, **request))  # type: ignore[arg-type]
