"""The terminal's tables: fewer columns where there is little room, and no number cut."""

import io
from typing import Any

import pytest
from rich.console import Console

from exporter.cli.demo.tables import release_table, server_table

FIGURES = {
    "generation_tokens_per_second": 123456.0,
    "generation_tokens_per_second_per_gpu": 12345.6,
    "prompt_tokens_per_second_per_gpu": 40392.0,
    "time_to_first_token_mean_seconds": 0.4104,
    "inter_token_latency_mean_seconds": 0.03018,
    "batch_occupancy_ratio": 0.033,
    "kv_cache_usage_mean_ratio": 0.172,
    "requests_queued_mean": 125.4,
    "prefix_cache_hit_ratio": {"local": 0.74},
    "bound": "sequences",
}
SERVER = {"target": "dense-a", "up": True, "release": "0.20.2", "model": "moe-30b-a3b", **FIGURES}
SHOWN = ("12,346", "40,392", "410 ms", "30.2 ms", "3.3%", "17%", "125", "74%", "sequence limit")


def server(**values: Any) -> dict[str, Any]:
    return {**SERVER, "facts": {"runner": {"value": "v2"}}, **values}


def fleet(*servers: dict[str, Any]) -> dict[str, Any]:
    release = {"release": "0.20.2", "runner": "v2", "model": "moe-30b-a3b", "servers": 3, **FIGURES}
    return {"window_seconds": 20.0, "servers": list(servers), "releases": [release]}


def drawn(report: dict[str, Any], width: int) -> tuple[list[str], list[str]]:
    """Return the lines of both tables on a terminal of that width."""
    texts = []
    for table in (server_table(report, width), release_table(report, width)):
        console = Console(file=io.StringIO(), width=width, emoji=False)
        console.print(table)
        assert isinstance(console.file, io.StringIO)
        texts.append(console.file.getvalue().splitlines())
    return texts[0], texts[1]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("name", ["dense-a", "production/vllm-llama-3-70b-7d9c8b6f5-x2x4z"])
def test_every_number_that_is_shown_is_whole(width: int, name: str) -> None:
    one = server(target=name)
    for lines in drawn(fleet(one, one), width):
        assert max(map(len, lines)) <= width
    servers, releases = drawn(fleet(one, one), width)
    words = servers[-1].split()
    cut = [word for word in words if "\u2026" in word]
    assert len(cut) == (name != "dense-a")
    assert "12,346" in words
    for figure in SHOWN:
        found = figure in servers[-1]
        assert found or not any(part in words for part in figure.split() if part[0].isdigit())
    assert "12,346" in releases[-1]
    assert "moe" in releases[-1]


def test_how_much_there_is_room_for() -> None:
    columns = {width: drawn(fleet(server()), width)[0] for width in (40, 60, 80, 120)}
    counts = {width: sum(text in lines[-1] for text in SHOWN) for width, lines in columns.items()}
    assert counts[40] < counts[60] < counts[80] < counts[120] == len(SHOWN)
    assert all("v2" in lines[-1] for lines in columns.values())
    assert all("moe-30b-a3b" in lines[-1] for lines in (columns[120],))


def test_a_server_that_is_down_says_so_at_any_width_and_is_who_it_was() -> None:
    last = {"release": "0.20.2", "runner": "v1", "model": "dense-8b"}
    down = {"target": "a", "up": False, "error_reason": "connect", "last_known": last}
    fresh = {"target": "b", "up": False, "loading": True}
    for width in (40, 120):
        lines, _ = drawn(fleet(server(), down, fresh), width)
        row = next(line for line in lines if line.startswith("a "))
        assert "down" in row
        assert "(0.20.2)" in row
        assert "(v1)" in row
    assert "down: connect" in row
    assert "(dense-8b)" in row
    assert lines[-1].rstrip().endswith("new")


def test_what_a_server_calls_itself_is_no_markup() -> None:
    lines, _ = drawn(fleet(server(target="[/red]:100:", model="[b]")), 120)
    assert "[/red]:100:" in lines[-1]
    assert "[b]" in lines[-1]
