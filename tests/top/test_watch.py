"""What a watch keeps from reading to reading, and what it lets go."""

from exporter.engines.plan import Snapshot
from exporter.top.watch import ServerWatch
from tests.pages import snapshot
from tests.top.fleet import STEP, fail, fleet_watch, play, served
from tests.top.shapes import VERSION, engine, pages


def shot(step: int, running: float, start: float = 10.0) -> Snapshot:
    text = f"process_start_time_seconds {start}\n{engine(step, running=running)}"
    return snapshot(text, VERSION)


def test_peaks_are_kept_over_a_gap_and_dropped_at_a_restart() -> None:
    server = served("server", {"version": VERSION})
    watch = fleet_watch(server)
    play(watch, {server: [shot(1, 9.0), shot(2, 3.0)]})
    (only,) = watch.watches
    assert only.peaks.running == 9
    fail(server, "connection refused")
    watch.update()
    play(watch, {server: [shot(3, 4.0)]})
    assert only.peaks.running == 9
    fail(server, "connection refused")
    watch.update()
    play(watch, {server: [shot(1, 2.0, start=500.0), shot(2, 1.0, start=500.0)]})
    assert only.peaks.running == 2


def test_time_in_which_nothing_was_seen_is_not_watched() -> None:
    server = served("server")
    watch = fleet_watch(server)
    play(watch, {server: pages(4)})
    (only,) = watch.watches
    # the version comes with the identity, behind the first page
    assert only.peaks.seconds <= 3 * STEP
    assert only.peaks.busy_seconds == only.peaks.seconds


def status_of(watch: ServerWatch) -> str:
    return watch.status.partition(":")[0]


def test_each_state_is_said() -> None:
    new, gone, live = served("new"), served("gone"), served("live")
    watch = fleet_watch(gone, live, new)
    play(watch, {gone: pages(3), live: pages(3)})
    fail(gone, "connection refused")
    fail(new, "connection refused")
    watch.update()
    assert [status_of(each) for each in watch.watches] == [
        "down; the figures are from before",
        "live, over the last 4 s",
        "has not answered yet",
    ]


def test_a_document_holds_nothing_of_a_server_that_is_down() -> None:
    gone, live = served("gone"), served("live")
    watch = fleet_watch(gone, live)
    play(watch, {gone: pages(3), live: pages(3)})
    fail(gone, "connection refused")
    watch.update()
    document = watch.document()
    servers = document["servers"]
    assert isinstance(servers, list)
    assert [server["up"] for server in servers] == [False, True]
    assert servers[0]["detail"] is None
    assert servers[0]["error"] == "connection refused"
    assert "requests_running" not in servers[0]
    assert servers[1]["detail"]["distributions"]["queue_seconds"]["p50"]["upper"] == 0.1
