"""Runs become tables that say what is flat and what is late."""

import csv
from dataclasses import replace
from math import inf
from pathlib import Path

from scripts.bench.document import with_sections
from scripts.soak.observation import Observation
from scripts.soak.report import dead_section, draw, soak_section, write_csv
from scripts.soak.sampling_gaps import SamplingGaps

ROOT = Path(__file__).parents[3]
RUN = [Observation(5.0 * i, 60.0 + i % 3, 90_000, 5, 40, 10, 1.0, 0.4, 0.5 * i) for i in range(200)]


def test_a_flat_run_is_called_flat_and_a_leak_is_not() -> None:
    assert soak_section(RUN, "", {}).count("| flat |") == 4
    leaking = [replace(each, descriptors=40 + i // 4) for i, each in enumerate(RUN)]
    section = soak_section(leaking, "A minute.", {"reloads:": 3})
    assert section.startswith("A minute.\n")
    assert "| descriptors | 52 | 89 |" in section
    assert section.count("**rises**") == 1
    assert "100.00 % of 1,500 looks, the oldest page 0.4 s old" in section
    assert "waited for a core 10 % of the time. reloads: 3\n" in section


def test_a_server_without_a_page_is_said() -> None:
    run = [*RUN[:-1], replace(RUN[-1], fresh=0.9, oldest=inf)]
    assert "99.93 % of 1,500 looks, some not sampled yet" in soak_section(run, "", {})


def test_late_samples_are_counted() -> None:
    section = dead_section(SamplingGaps(5, 200, 3, 9.5), "Half dead.", {"memory": "90 MB"})
    assert "| late by more than half an interval | 3 (1.50 %) |" in section
    assert "| memory | 90 MB |" in section


def test_the_document_takes_both_sections() -> None:
    page = (ROOT / "docs/withstands.md").read_text(encoding="utf-8")
    assert with_sections(page, {"soak": "x", "dead": "y"})


def test_observations_are_kept_and_drawn(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", RUN)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), rows[1]["seconds"], rows[1]["resident"]) == (200, "5.0", "61.0")
    draw(tmp_path / "a.png", RUN)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
