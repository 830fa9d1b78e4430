"""When a playlist is up, what it serves then and since when."""

import pytest

from exporter.base.errors import ConfigError
from exporter.replay.playlist import Player, Playlist

from .conftest import Record


def _version(player: Player, elapsed: float) -> str | None:
    state = player.state_at(elapsed)
    return None if state is None else state.track.recording.engine_version


def _work(player: Player, elapsed: float) -> str:
    state = player.state_at(elapsed)
    assert state is not None
    lines = state.metrics(0.0).decode().split("\n")
    return next(line for line in lines if line.startswith("work_total "))


def test_an_upgrade_is_down_between_its_versions(record: Record) -> None:
    # Each recording lasts 20 s.
    player = Player(Playlist((record(1, 2), record(5, 6, version="2.0"))))
    assert [_version(player, t) for t in (0, 19.9, 20.0, 22.9, 23.0)] == [
        "1.0",
        "1.0",
        None,
        None,
        "2.0",
    ]
    assert _work(player, 23.0).endswith(" 5")


@pytest.mark.parametrize(
    ("after", "versions"),
    [
        ("loop-last", ["2.0", "2.0", "2.0", "2.0"]),
        ("loop-all", ["2.0", None, "1.0", "2.0"]),
        ("hold", ["2.0", "2.0", "2.0", "2.0"]),
    ],
)
def test_what_follows_the_last_recording(
    record: Record, after: str, versions: list[str | None]
) -> None:
    recordings = (record(1, 2), record(5, 6, version="2.0"))
    player = Player(Playlist(recordings, after))  # type: ignore[arg-type]
    assert [_version(player, t) for t in (42.9, 43.0, 46.0, 70.0)] == versions


def test_held_and_looping_ends_differ(record: Record) -> None:
    looping = Player(Playlist((record(1, 2),)))
    held = Player(Playlist((record(1, 2),), "hold"))
    assert _work(looping, 1000.0) == "work_total 51.0"
    assert _work(held, 1000.0) == "work_total 2"


def test_a_recording_may_play_several_times_before_the_upgrade(record: Record) -> None:
    player = Player(Playlist((record(1, 2), record(5, 6, version="2.0")), plays=3))
    assert _work(player, 59.9) == "work_total 4.0"
    assert _version(player, 60.0) is None
    assert _version(player, 63.0) == "2.0"


def test_speed_runs_the_recording_but_not_the_gap(record: Record) -> None:
    player = Player(Playlist((record(1, 2), record(5, 6, version="2.0"))), speed=10.0)
    assert [_version(player, t) for t in (1.9, 2.0, 4.9, 5.0)] == ["1.0", None, None, "2.0"]


def test_each_version_tells_its_own_start(record: Record) -> None:
    player = Player(Playlist((record(1, 2), record(5, 6, version="2.0")), "loop-all"), speed=2.0)
    starts = {t: state.start for t in (0, 9, 13, 26) if (state := player.state_at(t))}
    assert starts == {0: -30.0, 9: -30.0, 13: 10.0, 26: 23.0}
    aged = Player(Playlist((record(1, 2),)), uptime=7200.0).state_at(500.0)
    assert aged is not None
    assert aged.start == -7200.0
    assert b"process_start_time_seconds 2800.00\n" in aged.metrics(10_000.0)


def test_a_recorded_outage_is_down(record: Record) -> None:
    player = Player(Playlist((record(1, None, 3),)))
    assert [_version(player, t) for t in (9.9, 10.0, 20.0)] == ["1.0", None, "1.0"]


def test_what_cannot_be_played_is_refused(record: Record) -> None:
    with pytest.raises(ConfigError, match="at least one recording"):
        Playlist(())
    with pytest.raises(ConfigError, match="plays of 1 or more"):
        Playlist((record(1),), plays=0)
    with pytest.raises(ConfigError, match="speed 0: give a number above 0"):
        Player(Playlist((record(1),)), speed=0.0)
