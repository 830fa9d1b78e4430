"""An ordinary day wakes nobody, and the made-up series are written as promtool reads them."""

import re
from pathlib import Path

import pytest

from scripts.alert_drill.__main__ import PAGE, ROOT, rules
from scripts.alert_drill.faults import FAULTS
from scripts.alert_drill.promtool import firing
from scripts.alert_drill.quiet import quiet
from scripts.alert_drill.series import counter, notation

from .promtool import needs_promtool

SHIPPED = ROOT / "alerts" / "generated"


@needs_promtool
def test_nobody_is_woken_on_an_ordinary_day() -> None:
    fired = firing(quiet(1), rules(SHIPPED))
    assert [one for one in fired if one.severity == "critical"] == []
    assert {one.alert for one in fired} == {
        "InferfleetExporterDown",
        "InferfleetGpuRowRemapPending",
    }


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        ([1.0, 1.0, 1.0], "1+0x2"),
        ([0.0, 5.0, 10.0, 10.0], "0+5x2 10"),
        ([None, None, 3.0, None, 4.0], "_ _x1 3 stale 4"),
        ([2.0], "2"),
    ],
)
def test_series_are_written_in_runs(samples: list[float | None], text: str) -> None:
    assert notation(samples) == text


def test_a_counter_begins_anew_after_its_process() -> None:
    assert counter([1.0, 2.0, None, None, 4.0, 4.0]) == [0.0, 2.0, None, None, 0.0, 4.0]


def test_every_fault_has_an_alert_that_is_on() -> None:
    text = (SHIPPED / "inferfleet-alerts.yaml").read_text(encoding="utf-8")
    shipped = set(re.findall(r"alert: (\w+)", text))
    assert {fault.alert for fault in FAULTS} <= shipped
    assert len({fault.title for fault in FAULTS}) == len(FAULTS)


def test_every_fault_is_in_the_table_that_was_measured() -> None:
    page = Path(PAGE).read_text(encoding="utf-8")
    for fault in FAULTS:
        assert f"| {fault.title} | {fault.alert} |" in page
    assert "**never**" not in page
