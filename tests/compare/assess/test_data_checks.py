"""What is checked of the data: gaps, excluded time, ages, overlap."""

import pytest

from exporter.compare.assess.data_checks import check_data
from exporter.compare.assess.result import Check, MeasureResult
from exporter.compare.fleet.windows import ServerFacts, Windows
from tests.compare.estimate.test_design import chosen, windows

HOUR = 3600.0
DECODE = MeasureResult(measure="decode", verdict="equivalent", coverage=0.9)
BESIDE = windows(*[(n, "old", 0, 12) for n in "ab"], *[(n, "new", 0, 12) for n in "cd"])


def checks(
    data: Windows = BESIDE,
    facts: list[ServerFacts] | None = None,
    excluded: dict[str, float] | None = None,
    decode: MeasureResult = DECODE,
    unknown: tuple[str, ...] = (),
) -> dict[str, Check]:
    known = facts or [ServerFacts() for _ in data.servers]
    results = check_data(data, chosen(data), known, excluded or {}, decode, unknown)
    return {check.name: check for check in results}


def test_whole_data_of_alike_servers_passes() -> None:
    outcomes = {name: check.outcome for name, check in checks().items()}
    assert outcomes == {
        "warm-up": "passed",
        "age": "noted",
        "gaps": "passed",
        "design": "passed",
        "overlap": "passed",
    }


@pytest.mark.parametrize(("days", "outcome"), [(1.0, "passed"), (20.0, "noted")])
def test_servers_of_very_different_ages_are_noted(days: float, outcome: str) -> None:
    starts = [-days * 86_400.0, -days * 86_400.0, -HOUR, -HOUR]
    check = checks(facts=[ServerFacts(starts=(start,)) for start in starts])["age"]
    assert check.outcome == outcome
    assert ("20.5 days" in check.text) == (outcome == "noted")


def test_missing_windows_and_excluded_time_are_noted() -> None:
    third = BESIDE.where(BESIDE.time % (3 * 300.0) == 0)
    assert "only 34% of the windows" in checks(third)["gaps"].text
    lost = checks(excluded={"gap": 40 * HOUR})["gaps"]
    assert lost.outcome == "noted"
    assert "gap 40.0 h" in lost.text
    # warm-up is left out on purpose
    assert checks(excluded={"warm_up": 40 * HOUR})["gaps"].outcome == "passed"


def test_little_overlap_fails_and_is_no_failure_where_the_direction_is_called() -> None:
    refused = MeasureResult(
        measure="decode", verdict="not_comparable", coverage=0.2, reason="little", remedy="more"
    )
    check = checks(decode=refused)["overlap"]
    assert (check.outcome, check.text, check.remedy) == ("failed", "little", "more")
    called = refused.model_copy(update={"verdict": "regression", "direction_only": True})
    assert checks(decode=called)["overlap"].outcome == "passed"


def test_an_unknown_covariate_is_noted() -> None:
    assert "the context is not known" in checks(unknown=("context",))["covariates"].text
