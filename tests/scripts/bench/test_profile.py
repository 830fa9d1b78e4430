"""A stack belongs to the innermost room of the exporter, or to the event loop."""

import pytest

from scripts.bench.profile import shares

LOOP = "thread (7): sampling;run (/lib/python3.11/asyncio/base_events.py:604)"
SAMPLE = f"{LOOP};sample (/src/exporter/sampling/watched_server.py:99)"


@pytest.mark.parametrize(
    ("stack", "room"),
    [
        (LOOP, "asyncio"),
        (f"{LOOP};select (/lib/python3.11/selectors.py:468)", "asyncio"),
        (SAMPLE, "sampling"),
        (f"{SAMPLE};read (/src/exporter/exposition.py:120)", "exposition"),
        (f"{SAMPLE};page (/src/exporter/gpu/page/reader.py:12)", "gpu"),
        (
            f"{SAMPLE};get (/src/exporter/fetch/client.py:1);loads (/lib/json/__init__.py:2)",
            "fetch",
        ),
        (f"{SAMPLE};write (/lib/python3.11/asyncio/selector_events.py:9)", "asyncio"),
        ("thread (8): main;wait (/lib/python3.11/threading.py:320)", "interpreter"),
    ],
)
def test_a_stack_belongs_to_a_room(stack: str, room: str) -> None:
    assert shares([f"{stack} 4"]) == {room: 1.0}


def test_shares_are_of_all_samples_largest_first() -> None:
    assert list(shares([f"{LOOP} 1", f"{SAMPLE} 3"]).items()) == [
        ("sampling", 0.75),
        ("asyncio", 0.25),
    ]
