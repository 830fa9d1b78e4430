"""What a track serves: recorded bytes in loop 0, counters that go on after it."""

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.base.errors import RecordingError
from exporter.exposition import Reader
from exporter.replay.playback import Position, Track
from exporter.replay.recording import RecordedPage, Recording

from .conftest import Record

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _samples(body: bytes | None) -> tuple[Samples, Samples]:
    """Return a page's growing series and all its others."""
    assert body is not None
    page = Reader(lambda name: True).read(body.decode())
    growing: Samples = {}
    others: Samples = {}
    for series, value in zip(page.layout.series, page.values, strict=True):
        kind = page.layout.type_of(series.name)
        grows = kind in ("counter", "histogram") or (
            kind == "summary" and series.name.endswith(("_sum", "_count"))
        )
        key = (series.name, tuple(sorted(series.labels.items())))
        # NaN equals nothing, not even itself.
        (growing if grows else others)[key] = -1.0 if isnan(value) else value
    return growing, others


def _one(track: Track, position: Position, name: str) -> float | None:
    growing, others = _samples(track.body(position))
    return (growing | others).get((name, ()))


def test_loop_0_is_served_byte_for_byte(real: Recording) -> None:
    track = Track(real)
    for index, page in enumerate(real.pages):
        body = track.body(Position(index, 0))
        assert body == (None if page.text is None else page.text.encode())


def test_only_the_process_start_is_replaced(record: Record) -> None:
    recording = record(1, 2)
    text = recording.pages[1].text
    assert text is not None
    body = Track(recording).body(Position(1, 0), start=1234.5678)
    expected = text.replace(
        "process_start_time_seconds 970.0", "process_start_time_seconds 1234.57"
    )
    assert body == expected.encode()


def test_counters_meet_at_the_seam(real: Recording) -> None:
    track, last = Track(real), len(real.pages) - 1
    for loop in range(3):
        before, _ = _samples(track.body(Position(last, loop)))
        after, gauges = _samples(track.body(Position(0, loop + 1)))
        assert {key: after.get(key) for key in before} == before
        assert gauges == _samples(track.body(Position(0, 0)))[1]


def test_later_loops_never_fall_and_keep_their_gauges(real: Recording) -> None:
    track, n = Track(real), len(real.pages)
    restart = any(page.text is None for page in real.pages)
    seen: Samples = {}
    for loop in range(3):
        for index in (0, 1, n // 2, n - 2, n - 1):
            if track.body(Position(index, loop)) is None:
                continue
            growing, gauges = _samples(track.body(Position(index, loop)))
            assert gauges == _samples(track.body(Position(index, 0)))[1]
            if not restart:
                assert all(growing.get(key, -1.0) >= value for key, value in seen.items())
            seen = growing


def test_histograms_stay_whole_in_later_loops(real: Recording) -> None:
    growing, _ = _samples(Track(real).body(Position(len(real.pages) // 3, 2)))
    for (name, labels), value in growing.items():
        if name.endswith("_bucket") and ("le", "+Inf") in labels:
            rest = tuple(label for label in labels if label[0] != "le")
            assert growing[name.removesuffix("_bucket") + "_count", rest] == value


def test_a_restart_falls_as_recorded_in_every_loop(restarted: Recording) -> None:
    track = Track(restarted)
    stop = next(i for i, page in enumerate(restarted.pages) if page.text is None)
    name = "process_cpu_seconds_total"
    for loop in range(3):
        before = _one(track, Position(stop - 1, loop), name)
        assert track.body(Position(stop, loop)) is None
        after = track.body(Position(stop + 1, loop))
        assert after == track.body(Position(stop + 1, 0))
        fallen = _one(track, Position(stop + 1, loop), name)
        assert before is not None
        assert fallen is not None
        assert fallen < before


def test_a_restart_has_its_own_start(restarted: Recording) -> None:
    track = Track(restarted)
    last = len(restarted.pages) - 1
    first, second = track.process_start(Position(0, 0)), track.process_start(Position(last, 0))
    assert first is not None
    assert second is not None
    assert first < 0 < second < track.duration
    assert track.process_start(Position(0, 1)) == second
    assert track.process_start(Position(last, 1)) == second + track.duration


def test_one_process_keeps_its_start_over_loops(record: Record) -> None:
    track = Track(record(1, 2, 3))
    assert {
        track.process_start(Position(index, loop)) for index in range(3) for loop in range(4)
    } == {-30.0}


def test_a_server_that_tells_no_start_has_none(record: Record) -> None:
    track = Track(record("# TYPE work_total counter\nwork_total 1\n"))
    assert track.process_start(Position(0, 0)) is None
    assert track.body(Position(0, 0), start=5.0) == b"# TYPE work_total counter\nwork_total 1\n"


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=6))
def test_rounding_never_makes_a_counter_fall(thousandths: list[int]) -> None:
    values = sorted(number / 1000 for number in thousandths)
    pages = tuple(
        RecordedPage(float(i), f"# TYPE work_total counter\nwork_total {value!r}\n")
        for i, value in enumerate(values)
    )
    recording = Recording("", "", "", "", None, pages, (), {}, (), (), {})
    track = Track(recording)
    positions = [Position(i, loop) for loop in range(12) for i in range(len(pages))]
    served = [_one(track, position, "work_total") or 0.0 for position in positions]
    assert served == sorted(served)


def test_a_series_that_came_late_stays_in_later_loops(record: Record) -> None:
    early = "# TYPE http_total counter\n# TYPE size summary\nsize_count 2.0\n"
    late = (
        '# TYPE http_total counter\nhttp_total{status="2xx"} 4.0\n'
        "# TYPE size summary\nsize_count 5.0\n"
        "# HELP seconds Time.\n# TYPE seconds histogram\n"
        'seconds_bucket{le="+Inf"} 3.0\nseconds_sum 1.5\nseconds_count 3.0\n'
    )
    track = Track(record(early, late))
    assert track.body(Position(0, 1)) == late.encode()
    assert _one(track, Position(1, 1), "seconds_sum") == 3.0


def test_creation_times_quantiles_and_nan_stay_as_recorded(record: Record) -> None:
    def page(count: float) -> str:
        return (
            f"# TYPE work_total counter\nwork_total {count}\n"
            f"# TYPE work_created gauge\nwork_created {count}e+09\n"
            f'# TYPE wait summary\nwait{{quantile="0.5"}} {count}\nwait_sum {count}\n'
            "# TYPE odd_total counter\nodd_total NaN\n"
        )

    expected = (
        "# TYPE work_total counter\nwork_total 5.0\n"
        "# TYPE work_created gauge\nwork_created 1.0e+09\n"
        '# TYPE wait summary\nwait{quantile="0.5"} 1.0\nwait_sum 5.0\n'
        "# TYPE odd_total counter\nodd_total NaN\n"
    )
    assert Track(record(page(1.0), page(3.0))).body(Position(0, 2)) == expected.encode()


def test_pages_change_at_their_recorded_instants(record: Record) -> None:
    track = Track(record(1, 2, 3))
    assert track.duration == 30.0
    moments = (-1.0, 0.0, 9.9, 10.0, 29.9, 30.0, 45.0)
    assert [track.position_at(seconds) for seconds in moments] == [
        Position(0, 0),
        Position(0, 0),
        Position(0, 0),
        Position(1, 0),
        Position(2, 0),
        Position(0, 1),
        Position(1, 1),
    ]
    assert track.position_at(1e6, loops=2) == Position(2, 1)


def test_an_unreadable_value_is_refused(record: Record) -> None:
    with pytest.raises(RecordingError, match="a page: work_total has the value 'many'"):
        Track(record("# TYPE work_total counter\nwork_total many\n"))
