"""The screens as a user sees them, at the sizes of real terminals."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from exporter.top.screens.app import TopApp
from exporter.top.watch import FleetWatch
from tests.top.fleet import fail, fleet_watch, play, served
from tests.top.shapes import pages

Size = tuple[int, int]
SIZES = [(80, 24), (60, 20), (120, 40), (40, 15), (200, 50)]
Act = Callable[[TopApp, Pilot[None]], Awaitable[None]]


def text_of(app: TopApp) -> str:
    """Return the screen's characters, a line each."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(s.text for s in strip).rstrip() for strip in strips)


def words_of(app: TopApp) -> str:
    return " ".join(text_of(app).split())


def run(watch: FleetWatch, size: Size, act: Act) -> None:
    async def main() -> None:
        app = TopApp(watch)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await act(app, pilot)

    asyncio.run(main())


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


def small_fleet() -> FleetWatch:
    busy, quiet = served("busy", {"max_num_seqs": 8, "gpus": 2}), served("quiet")
    gone, new = served("gone"), served("new")
    watch = fleet_watch(busy, gone, new, quiet)
    play(
        watch,
        {
            busy: pages(4, running=7.0, waiting=5.0),
            quiet: pages(4, idle=True, running=0.0, waiting=0.0),
            gone: pages(4, running=3.0, waiting=2.0),
        },
    )
    fail(gone, "connection refused")
    watch.update()
    return watch


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_fleet_fits_every_terminal(size: Size) -> None:
    async def act(app: TopApp, _: Pilot[None]) -> None:
        table, shown = app.screen.query_one(DataTable), text_of(app)
        assert table.virtual_size.width <= size[0]
        assert all(len(line) <= size[0] for line in shown.splitlines())
        for text in ("servers 2 of 4 up", "busy", "! gone", "? new", "quiet", "q quit", "run"):
            assert text in shown
        assert re.search(r"busy +7 +5 +500", shown)
        assert ("first p90" in shown) == (size[0] >= 60)
        assert ("bound by" in shown) == (size[0] >= 80)

    run(small_fleet(), size, act)


def test_a_server_that_is_down_keeps_its_values_greyed_and_one_that_never_was_has_none() -> None:
    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        lines = [line.strip() for line in text_of(app).splitlines()]
        rows = {line.split()[1]: line for line in lines if line.startswith(("! ", "? "))}
        assert re.search(r"! gone +3 +2 +500 .*down", rows["gone"])
        assert re.search(r"\? new +- +- +- .*loading", rows["new"])
        table = app.screen.query_one(DataTable)
        assert {str(cell.style) for cell in table.get_row("gone")} == {"dim"}
        assert {str(cell.style) for cell in table.get_row("busy")} == {""}
        await press(pilot, "down", "enter")
        assert "down; the figures are from before: connection refused" in words_of(app)
        assert "Running 3.00 sequences (now 3, peak 3)" in words_of(app)

    run(small_fleet(), (100, 30), act)


async def whole_server(app: TopApp, pilot: Pilot[None], size: Size) -> str:
    """Return all that a server's screen shows, from its first line to its last."""
    shown = []
    for _ in range(40):
        text = text_of(app)
        shown.append(text)
        assert all(len(line) <= size[0] for line in text.splitlines())
        await press(pilot, "pagedown")
        if text_of(app) == text:
            break
    return "\n".join(shown)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_one_server_is_shown_in_full_on_every_terminal(size: Size) -> None:
    server = served(
        "only", {"max_num_seqs": 8, "gpus": 1, "release": "0.26.0", "prefix_caching": True}
    )
    watch = fleet_watch(server)
    play(watch, {server: pages(5)})

    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        shown = await whole_server(app, pilot, size)
        words = " ".join(re.sub("[─█▁-▇]", " ", shown).split())
        for text in (
            "only: vLLM 0.26.0, m",
            "live, over the last 8 s",
            "Running 4.00 sequences (now 4, peak 4)",
            "Waiting now 1 requests (peak 1)",
            "Generated in total 500 tok/s",
            "first token within 1 s 90% (99% wanted)",
            "goodput 2 to 2.5 requests/s",
            "finished length 8, stop 32",
            "rate 5 requests/s",
            "load curve: time per token",
            "sizing",
            "max_num_seqs: At most 4 of 8 sequences",
            "Too early to say; missing: 10 min with work.",
        ):
            if size[0] >= 118 and len(text) > 40:
                continue
            assert text in words, text
        # half within 0.1 s, nine tenths within 1 s, the rest above the last bound
        assert re.search(
            r"first token +(mean )?800 ms +(p50 )?100 ms +(p90 )?1 s +(p99 )?> 1 s", words
        )

    run(watch, size, act)


def test_sorting_goes_through_columns_and_unknown_comes_last() -> None:
    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        def names() -> list[str]:
            lines = text_of(app).splitlines()
            first = next(i for i, line in enumerate(lines) if "server " in line) + 1
            return [line.lstrip("!? ").split()[0] for line in lines[first : first + 4]]

        assert names() == ["busy", "gone", "new", "quiet"]
        await press(pilot, "s")
        assert "sorted by run" in text_of(app)
        assert names() == ["busy", "gone", "quiet", "new"]
        await press(pilot, "r")
        assert names() == ["quiet", "gone", "busy", "new"]

    run(small_fleet(), (80, 24), act)


def test_the_cursor_stays_on_its_server() -> None:
    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        await press(pilot, "down", "down", "down")
        await press(pilot, "s", "enter")
        assert "quiet: vLLM" in text_of(app)
        await press(pilot, "escape")
        assert "servers 2 of 4 up" in text_of(app)

    run(small_fleet(), (80, 24), act)


def test_a_pause_stops_the_screen_and_not_the_watch() -> None:
    server, other = served("one"), served("two")
    watch = fleet_watch(server, other)
    play(watch, {server: pages(3), other: pages(3)})

    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        await press(pilot, "p")
        assert "PAUSED" in text_of(app)
        fail(server, "connection refused")
        app.tick()
        await pilot.pause()
        assert "! one" not in text_of(app)
        assert [each.live for each in watch.watches] == [False, True]
        await press(pilot, "p")
        assert "! one" in text_of(app)
        assert "PAUSED" not in text_of(app)

    run(watch, (80, 24), act)


def test_help_comes_and_goes() -> None:
    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        await press(pilot, "question_mark")
        assert "turn the order round" in text_of(app)
        await press(pilot, "x")
        assert "servers 2 of 4 up" in text_of(app)

    run(small_fleet(), (80, 24), act)


@pytest.mark.parametrize("how", ["q", "ctrl+c", "SIGTERM"])
def test_it_ends_and_gives_the_terminal_back(how: str) -> None:
    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        assert app.is_running
        if how == "SIGTERM":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            await pilot.press(how)
        while not app._exit:
            await asyncio.sleep(0)

    run(small_fleet(), (80, 24), act)


def test_a_terminal_that_changes_its_size_shows_other_columns() -> None:
    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        assert "bound by" in text_of(app)
        await pilot.resize_terminal(40, 15)
        await pilot.pause()
        assert "bound by" not in text_of(app)
        assert "busy" in text_of(app)

    run(small_fleet(), (80, 24), act)
