"""Which servers an upgrade would begin with."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.base.errors import CompareError
from exporter.compare.fleet.windows import Fleet, Lookups, ServerFacts, ServerKey, Windows
from exporter.compare.forecast.present import present

WIDTH = 300.0
HOUR = 12
KEY = ServerKey("", "vllm", "0.20.2", "m", "H200", "abc")


def fleet_of(*servers: tuple[ServerKey, range], gpus: tuple[float | None, ...] = ()) -> Fleet:
    """Return a fleet of servers with a row in each of some windows."""
    number = [i for i, (_, times) in enumerate(servers) for _ in times]
    times = [WIDTH * step for _, steps in servers for step in steps]
    known = gpus or (2.0,) * len(servers)
    return Fleet(
        Windows(
            tuple(replace(key, target=f"s{i}") for i, (key, _) in enumerate(servers)),
            np.array(number, dtype=np.int64),
            np.array(times, dtype=np.float64),
            np.ones(len(times)),
            WIDTH,
            {"decode_tokens": np.full(len(times), 600.0)},
        ),
        tuple(
            ServerFacts(limits={} if count is None else {"gpus": count})
            for count in known[: len(servers)]
        ),
    )


DAY = range(24 * HOUR)


def test_what_runs_now_is_counted() -> None:
    found = present(fleet_of((KEY, DAY), (KEY, DAY), (KEY, range(2 * HOUR))), "0.20.2")
    assert (found.servers, found.gpus, found.others) == (2, 4, 0)
    assert found.tokens_per_second == pytest.approx(2 * 600.0 / WIDTH)
    assert found.seconds == 24 * 3600.0
    assert [server.target for server in found.fleet.windows.servers] == ["s0", "s1"]
    assert set(found.fleet.windows.server.tolist()) == {0, 1}


def test_the_release_in_use_comes_before_the_one_with_more_servers() -> None:
    new = replace(KEY, release="0.26.0")
    found = present(fleet_of((KEY, DAY), (new, DAY), (new, DAY)), "0.20.2")
    assert (found.key.release, found.servers, found.others) == ("0.20.2", 1, 2)
    other = present(fleet_of((KEY, DAY), (new, DAY), (new, DAY)), "0.19.1")
    assert (other.key.release, other.servers) == ("0.26.0", 2)


def test_what_caches_held_is_over_the_servers_that_run() -> None:
    fleet = fleet_of((KEY, DAY), (KEY, range(2 * HOUR)))
    assert present(fleet, "0.20.2").cached == 0.0
    number, time = np.array([0, 0, 1]), np.zeros(3)
    lookups = Lookups(number, time, np.array([300.0, 100.0, 50.0]), np.array([80.0, 20.0, 50.0]))
    assert present(replace(fleet, lookups=lookups), "0.20.2").cached == 0.25


def test_gpus_that_a_server_does_not_tell_are_not_guessed() -> None:
    assert present(fleet_of((KEY, DAY), (KEY, DAY), gpus=(8.0, None)), "0.20.2").gpus is None


@pytest.mark.parametrize(
    ("fleet", "sentence"),
    [
        (fleet_of(), "no load cells of inferfleet in this time"),
        (
            fleet_of((KEY, DAY), (replace(KEY, model="n\n"), DAY)),
            r"--model: the servers have several: m, n\\n; choose one",
        ),
    ],
)
def test_what_cannot_be_planned_for_is_one_sentence(fleet: Fleet, sentence: str) -> None:
    with pytest.raises(CompareError, match=sentence):
        present(fleet, "0.20.2")


def test_of_a_large_fleet_a_part_is_pretended_on() -> None:
    found = present(fleet_of(*((KEY, range(HOUR)),) * 100, gpus=(1.0,) * 100), "0.20.2")
    assert (found.servers, found.gpus) == (100, 100)
    windows = found.fleet.windows
    assert len(windows.servers) == len(found.fleet.facts) == 32
    assert set(windows.server.tolist()) == set(range(32))
