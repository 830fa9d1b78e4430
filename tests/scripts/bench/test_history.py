"""A ratio that became worse is told of, against the last run of the same kind of machine."""

from pathlib import Path

import pytest

from scripts.bench.history import Entry, append, comparison, read

EARLIER = Entry("aaa", "2026-01-01", "two cores", {"1": 3.0, "500": 1.0})


def run(ratios: dict[str, float], machine: str = "two cores") -> Entry:
    return Entry("bbb", "2026-02-02", machine, ratios)


@pytest.mark.parametrize(
    ("ratios", "worse"),
    [
        ({"1": 3.0, "500": 1.0}, []),
        ({"1": 1.0, "500": 1.09}, []),
        ({"1": 3.0, "500": 1.1}, ["500 servers from 1.00 to 1.10"]),
        ({"1": 4.0, "500": 2.0}, ["1 servers from 3.00 to 4.00", "500 servers from 1.00 to 2.00"]),
        ({"10": 9.0}, []),
    ],
)
def test_a_tenth_more_is_worse(ratios: dict[str, float], worse: list[str]) -> None:
    sentence = comparison([EARLIER], run(ratios))
    assert "aaa of 2026-01-01" in sentence
    assert sentence.endswith(f": {', '.join(worse)}.") == bool(worse)
    assert ("No ratio became worse" in sentence) != bool(worse)


def test_only_the_last_run_of_the_same_machine_counts() -> None:
    later = run({"1": 6.0, "500": 3.0})
    other = run({"1": 0.1, "500": 0.1}, machine="many cores")
    assert "No ratio" in comparison([EARLIER, later, other], run({"1": 6.0, "500": 3.0}))
    assert "No earlier run" in comparison([EARLIER], other)
    assert "No earlier run" in comparison([], EARLIER)


def test_entries_come_back_as_they_were_added(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.touch()
    assert read(path) == []
    entries = [EARLIER, run({"1": 2.5})]
    for entry in entries:
        append(path, entry)
    assert read(path) == entries
