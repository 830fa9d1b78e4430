"""Servers as people run them: several engines, adapters, priorities, no traffic, long names."""

import re
from collections.abc import Callable, Sequence

import pytest
from textual.pilot import Pilot

from exporter.engines.plan import Snapshot
from exporter.top.panels import ServerState, server_head, server_lines
from exporter.top.screens.app import TopApp
from exporter.top.watch import Fleet, FleetWatch
from tests.pages import snapshot
from tests.top.fleet import CONFIG, OBJECTIVES, fleet_watch, play, served
from tests.top.public_pages import attention_ranks, lora, second_node
from tests.top.screens.test_screens import press, run, text_of
from tests.top.shapes import HISTOGRAMS, engine, pages

WIDTHS = (30, 40, 60, 80, 120, 200)


def sampled(shots: Sequence[Snapshot], name: str = "server", **declare: object) -> FleetWatch:
    server = served(name, declare)
    watch = fleet_watch(server)
    play(watch, {server: shots})
    return watch


def shown(watch: FleetWatch, width: int) -> list[str]:
    (server,) = watch.watches
    state = ServerState(watch.report(server), watch.detail(server), server.live, server.status)
    return [each.plain for each in (*server_head(state, width), *server_lines(state, width))]


def words(watch: FleetWatch, width: int = 100) -> str:
    return " ".join(" ".join(shown(watch, width)).split())


def played(page: Callable[[int], str], version: str) -> list[Snapshot]:
    return [snapshot(page(step), version) for step in range(1, 6)]


def test_adapters_do_not_divide_a_server() -> None:
    text = words(sampled(played(lora, "0.20.2"), version="0.20.2", max_num_seqs=16))
    assert "server: vLLM 0.20.2, Qwen/Qwen3-8B" in text
    # 9 requests of 128 tokens in 2 s
    assert "Generated in total 576 tok/s" in text
    assert "Running 16.0 sequences (now 16, peak 16)" in text
    assert "20,564 of an engine's 33,712 tokens" in text
    assert re.search(r"first token 407 ms 312 ms 46[23] ms 496 ms", text)
    assert "At most 16 of 16 sequences ran in an engine and 3 requests waited" in text


def test_engines_of_a_second_node_stand_under_their_own_ranks() -> None:
    text = words(sampled(played(second_node, "0.26.0"), version="0.26.0", max_num_seqs=4))
    assert "Running 6.00 sequences (now 6, peak 6)" in text
    assert re.search(r"4 3\.00 75% - demand 5 1\.00 25% - demand 6 0 0% - demand 7 2\.00", text)
    assert "between tokens 20.0 ms <= 10 ms 22.0 ms 24.7 ms" in text
    assert "At most 3 of 4 sequences ran in an engine" in text


def test_repeated_ranks_and_priorities_are_counted_once() -> None:
    text = words(sampled(played(attention_ranks, "0.5.9"), version="0.5.9"))
    assert "Running 2.00 sequences (now 2, peak 2)" in text
    assert "Waiting now 4 requests (peak 4)" in text
    # two of three came within 0.4 s, the third took longer than any bucket
    assert re.search(r"first token 33 s 325 ms > 80 s > 80 s", text)
    assert "first token within 1 s 67% (99% wanted)" in text
    assert "finished 12" in text


def test_eight_engines_fit_every_width() -> None:
    watch = sampled(pages(4, engines=8), max_num_seqs=8, version="0.26.0")
    for width in WIDTHS:
        lines = shown(watch, width)
        assert max(map(len, lines)) <= width
        assert "engines" in " ".join(lines)
    rows = [line.split() for line in shown(watch, 80)]
    assert [row[0] for row in rows if row[1:] == ["4.00", "50%", "40%", "-"]] == list("01234567")


def test_an_engine_without_histograms_has_no_latencies_and_everything_else() -> None:
    text = words(sampled(pages(4, histograms=()), version="0.26.0"))
    assert "latency" not in text
    assert "within" not in text
    assert "goodput" not in text
    assert "Generated in total 500 tok/s" in text


def test_a_server_without_traffic_shows_no_latency_that_nobody_had() -> None:
    text = words(sampled(pages(4, idle=True, running=0.0, waiting=0.0), version="0.26.0"))
    assert "Generated in total 0 tok/s" in text
    assert re.search(r"first token - - - -", text)
    assert "within 1 s" not in text
    assert "finished 0" in text
    assert "no decoding seen yet" in text


NAMES = (
    "m" * 200,
    "モデル" * 60,
    "a/b " * 30,
    "\x1b[31mred\x1b[0m",
    "e\u0301\u200b\u202egnirts",
    "[bold]x",
    "👩\u200d👩\u200d👧" * 20,
)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_whatever_a_model_is_called_every_line_fits_and_none_escapes(name: str) -> None:
    shots = [snapshot(engine(step, model=name), "0.26.0") for step in (1, 2, 3)]
    watch = sampled(shots, version="0.26.0")
    (server,) = watch.watches
    for width in WIDTHS:
        state = ServerState(watch.report(server), watch.detail(server), server.live, server.status)
        lines = [*server_head(state, width), *server_lines(state, width)]
        assert max(line.cell_len for line in lines) <= width
        assert all(line.plain.isprintable() for line in lines)
    if name.isascii() and name.isprintable() and " " not in name:
        assert name in "".join(shown(watch, 60)[:8])


def test_forty_servers_scroll_and_long_names_keep_both_ends() -> None:
    names = [
        f"namespace-of-a-team/server-{number:02}-{'x' * 60}-pod{number:02}" for number in range(40)
    ]
    servers = [served(name) for name in names]
    watch = fleet_watch(*servers)
    play(watch, {server: pages(2) for server in servers})

    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        assert "servers 40 of 40 up" in text_of(app)
        assert re.search(r"name\S*~\S*od00 ", text_of(app))
        await press(pilot, "ctrl+end")
        assert re.search(r"\S*od39 ", text_of(app))
        await press(pilot, "enter")
        assert names[39] in "".join(text_of(app).split("\n")[:3]).replace(" ", "")

    run(watch, (80, 24), act)


def test_an_empty_fleet_says_so() -> None:
    watch = fleet_watch()

    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        assert "servers 0 of 0 up" in text_of(app)
        await press(pilot, "s", "r", "enter", "p", "question_mark", "x")
        assert "servers 0 of 0 up" in text_of(app)

    run(watch, (80, 24), act)


def test_servers_that_come_and_go_come_and_go_on_the_screen() -> None:
    one, two = served("one"), served("two")
    there = [one, two]
    watch = FleetWatch(CONFIG, Fleet(lambda: there, dict, lambda: ()), lambda _: OBJECTIVES)
    play(watch, {one: pages(2), two: pages(2)})

    async def act(app: TopApp, pilot: Pilot[None]) -> None:
        await press(pilot, "enter")
        assert "one: vLLM" in text_of(app)
        # as where discovery names it no longer, or its page turns out to hold several models
        there.remove(one)
        app.tick()
        await pilot.pause()
        assert "servers 1 of 1 up" in text_of(app)
        assert "one" not in text_of(app)
        await press(pilot, "enter")
        assert "two: vLLM" in text_of(app)

    run(watch, (80, 24), act)


def test_the_histograms_of_a_shape_are_those_that_are_shown() -> None:
    text = words(sampled(pages(3), version="0.26.0"))
    assert len(HISTOGRAMS) == 5
    for title in ("first token", "between tokens", "queue", "end to end"):
        assert f"{title} 800 ms" in text
