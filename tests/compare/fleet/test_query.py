"""Windows from an API are the windows that were there, whatever the API bears at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exporter.compare.assess.comparison import compare
from exporter.compare.fleet.api import PrometheusApi, QueryError
from exporter.compare.fleet.matchers import parse_matchers
from exporter.compare.fleet.query import fetch_fleet
from exporter.compare.fleet.span import Span
from exporter.compare.fleet.windows import Fleet
from exporter.compare.options import Options, question_of
from exporter.compare.run import run
from tests.compare.fake_api import FakeApi
from tests.compare.openmetrics import DECODE_CELLS, openmetrics
from tests.prometheus import fill, needs_prometheus, prometheus
from tests.sim.comparison import NEW, OLD, START, simulate_comparison

BEFORE, AFTER = 8.0, 5.0
SPAN = Span(START - BEFORE * 3600, START + AFTER * 3600)
SIDES = (
    parse_matchers(f'version="{OLD}"', "--baseline"),
    parse_matchers(f'version="{NEW}"', "--candidate"),
)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return simulate_comparison(3, -0.10, servers=4, before=BEFORE, after=AFTER)


def rows(fleet: Fleet) -> dict[tuple[str, str, float, float], tuple[float, ...]]:
    windows = fleet.windows
    columns = [windows.column(name) for name in DECODE_CELLS]
    return {
        (
            windows.servers[windows.server[i]].target,
            windows.servers[windows.server[i]].release,
            float(windows.time[i]),
            float(windows.batch[i]),
        ): tuple(float(column[i]) for column in columns)
        for i in range(len(windows))
    }


def fetched(fake: FakeApi, span: Span = SPAN) -> Fleet:
    return fetch_fleet(PrometheusApi(fake.url, sleep=lambda seconds: None), SIDES, (), span)


def test_every_window_comes_through(fleet: Fleet) -> None:
    with FakeApi(fleet) as fake:
        shares = list[float]()
        fetched_fleet = fetch_fleet(
            PrometheusApi(fake.url), SIDES, (), SPAN, lambda share, text: shares.append(share)
        )
    expected = rows(fleet)
    assert rows(fetched_fleet).keys() == expected.keys()
    for key, values in rows(fetched_fleet).items():
        assert values == pytest.approx(expected[key], rel=1e-6)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert fetched_fleet.lookups is not None
    assert fetched_fleet.lookups.queried.sum() > 0
    assert {f.labels["version"] for f in fetched_fleet.facts} == {OLD, NEW}
    assert fetched_fleet.facts[0].limits["kv_cache_capacity_tokens"] == 500_000
    assert fetched_fleet.facts[0].starts == fleet.facts[0].starts


def test_an_api_with_small_limits_is_asked_in_smaller_pieces(fleet: Fleet) -> None:
    with FakeApi(fleet) as fake:
        whole = fetched(fake)
        one_go = len(fake.queries)
    with FakeApi(fleet, most_values=2000) as fake:
        pieces = fetched(fake)
        assert len(fake.queries) > 1.5 * one_go
    assert rows(pieces) == rows(whole)


def test_an_api_that_bears_nothing_is_told(fleet: Fleet) -> None:
    with FakeApi(fleet, most_values=0) as fake, pytest.raises(QueryError, match="too many samples"):
        fetched(fake)


def test_other_releases_of_the_model_are_asked_for_where_few_servers_are_compared(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They show how far servers of the model and GPU differ."""
    with FakeApi(fleet) as fake:
        few = fetch_fleet(PrometheusApi(fake.url), (SIDES[0], SIDES[0]), (), SPAN)
        monkeypatch.setattr("exporter.compare.fleet.cells.ENOUGH_SERVERS", 4)
        enough = fetch_fleet(PrometheusApi(fake.url), (SIDES[0], SIDES[0]), (), SPAN)
    assert {s.release for s in few.windows.servers} == {OLD, NEW}
    assert {s.release for s in enough.windows.servers} == {OLD}


@pytest.mark.parametrize("label", ["model", "gpu_model"])
def test_releases_of_no_side_are_not_asked_for(fleet: Fleet, label: str) -> None:
    """Another model says nothing of how servers of this one differ, nor does another GPU."""
    changed = {label: "another"}
    servers = tuple(
        replace(s, **changed) if s.release == NEW else s  # type: ignore[arg-type]
        for s in fleet.windows.servers
    )
    fleet = replace(fleet, windows=replace(fleet.windows, servers=servers))
    with FakeApi(fleet) as fake:
        fetched_fleet = fetch_fleet(PrometheusApi(fake.url), (SIDES[0], SIDES[0]), (), SPAN)
        queries = [
            form["query"] for form in fake.queries if "load_decode_tokens" in form.get("query", "")
        ]
    assert {s.release for s in fetched_fleet.windows.servers} == {OLD}
    assert 'release=~"0\\\\.20\\\\.2"' in queries[0]


def test_a_wide_window_is_taken_as_asked(fleet: Fleet) -> None:
    with FakeApi(fleet) as fake:
        fetched(fake, Span(SPAN.start, SPAN.end, 3600.0))
        query = next(form for form in fake.queries if "load_seconds" in form.get("query", ""))
    assert "[3600s]" in query["query"]
    assert float(query["step"]) == 3600
    assert float(query["start"]) % 3600 == 0


def test_an_empty_api_compares_nothing() -> None:
    empty = simulate_comparison(1, before=1, after=1, servers=2)
    nothing = Fleet(empty.windows.where(np.zeros(len(empty.windows), bool)), empty.facts)
    with FakeApi(nothing) as fake:
        options = Options(
            f'version="{OLD}"',
            f'version="{NEW}"',
            fake.url,
            start=0,
            end=7200,
            margin=0.03,
            warm_up=3600.0,
        )
        report = run(options, now=lambda: 0.0)
    assert report.verdict == "not_comparable"
    assert "Nothing to compare" in report.headline


@needs_prometheus
def test_a_real_prometheus_gives_the_verdict_of_the_fleet_it_holds(
    fleet: Fleet, tmp_path: Path
) -> None:
    fill(tmp_path / "data", [openmetrics(fleet, DECODE_CELLS)])
    with prometheus(tmp_path / "data") as url:
        options = Options(
            f'version="{OLD}"',
            f'version="{NEW}"',
            url,
            start=SPAN.start,
            end=SPAN.end,
            margin=0.03,
            warm_up=3600.0,
        )
        report = run(options, now=lambda: SPAN.end)
    direct = compare(fleet, question_of(options))[0].measures[0]
    decode = report.comparisons[0].measures[0]
    assert report.verdict == "regression"
    assert decode.estimate is not None
    assert direct.estimate is not None
    assert decode.estimate.ratio == pytest.approx(direct.estimate.ratio, rel=1e-4)
    assert decode.estimate.lower == pytest.approx(direct.estimate.lower, rel=1e-3)
    assert report.comparisons[0].candidate.kv_cache_capacity_tokens == 500_000
    assert report.comparisons[0].baseline.hit_ratio == pytest.approx(0.5, abs=0.1)
