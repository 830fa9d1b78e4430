"""The data chooses the design; what it lacks is said with what to do."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate.design import MACHINES_IN_ENERGY, Design, choose_design
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import ServerFacts, ServerKey, Windows

HOUR = 3600.0


def windows(*lives: tuple[str, str, float, float]) -> Windows:
    """Return windows of (node, release, first hour, last hour), 5 minutes each."""
    servers = tuple(
        ServerKey(node, "vllm", release, "m", "g", "c") for node, release, _, _ in lives
    )
    server, time = list[int](), list[float]()
    for i, (_, _, first, last) in enumerate(lives):
        for moment in np.arange(first * HOUR, last * HOUR, 300.0):
            server.append(i)
            time.append(float(moment))
    batch: Floats = np.full(len(time), 8.0)
    return Windows(
        servers,
        np.array(server),
        np.array(time),
        batch,
        300.0,
        {"seconds": np.full(len(time), 300.0)},
    )


def chosen(windows: Windows, warm_up: float = HOUR) -> Design:
    candidate = [server.release == "new" for server in windows.servers]
    return choose_design(windows, candidate, [ServerFacts() for _ in candidate], warm_up)


def test_some_stay_and_the_upgraded_have_a_past() -> None:
    design = chosen(
        windows(
            ("a", "old", 0, 24),
            ("a", "new", 24, 31),
            ("b", "old", 0, 24),
            ("b", "new", 24, 31),
            ("c", "old", 0, 31),
            ("d", "old", 0, 31),
        )
    )
    assert design.kind == "difference in differences"
    assert design.fault == ""
    assert design.servers == (4, 2)
    assert design.hours == (31.0, 6.0)
    assert design.warm_up_seconds == 2 * HOUR
    assert design.candidate_start == 25 * HOUR
    assert list(design.treated_arm) == [True, True, False, False]


def test_servers_put_back_have_their_past_under_the_candidate() -> None:
    lives = [(n, "new", 0.0, 20.0) for n in "ab"]
    lives += [(n, "new", 0.0, 12.0) for n in "cd"] + [(n, "old", 12.0, 20.0) for n in "cd"]
    design = chosen(windows(*lives))
    assert design.kind == "difference in differences"
    assert design.fault == ""
    assert design.servers == (2, 4)
    assert list(design.treated_arm) == [False, False, True, True]
    assert design.arms == (2, 2)
    # half an hour of a past is none
    short = chosen(windows(*[(n, r, max(f - 11.5, 0.0), to - 11.5) for n, r, f, to in lives]))
    assert short.kind == "side by side"


def test_new_servers_beside_old_ones() -> None:
    design = chosen(windows(*[(n, "old", 0, 6) for n in "ab"], *[(n, "new", 0, 6) for n in "cd"]))
    assert design.kind == "side by side"
    assert design.fault == ""
    assert design.servers == (2, 2)


@pytest.mark.parametrize(("last", "fault"), [(49, ""), (40, "hour of the day")])
def test_all_upgraded_at_once(last: float, fault: str) -> None:
    lives = [(n, "old", 0.0, 24.0) for n in "ab"] + [(n, "new", 24.0, last) for n in "ab"]
    design = chosen(windows(*lives))
    assert design.kind == "before and after"
    assert fault in design.fault
    assert bool(design.fault) == bool(fault)
    assert not design.concurrent


def test_a_rollout_of_some_hours_is_judged_by_the_days_beside_it() -> None:
    lives = []
    for i, node in enumerate("abcd"):
        lives += [(node, "old", 0.0, 24.0 + i), (node, "new", 24.0 + i, 60.0)]
    design = chosen(windows(*lives))
    assert design.kind == "before and after"
    assert design.fault == ""


def test_sides_that_share_nothing() -> None:
    design = chosen(
        windows(
            ("a", "old", 0, 24), ("b", "old", 0, 24), ("c", "new", 24, 48), ("d", "new", 24, 48)
        )
    )
    assert "different servers at different times" in design.fault


def test_one_server_each_way() -> None:
    before = chosen(windows(("a", "old", 0, 24), ("a", "new", 24, 50)))
    assert "only one server" in before.fault
    beside = chosen(windows(("a", "old", 0, 24), ("b", "new", 0, 24)))
    assert "1 server ran the baseline and 1 the candidate" in beside.fault


def test_a_pod_with_a_new_name_on_the_same_gpus_is_the_same_node() -> None:
    pods = windows(
        *[(f"pod-{i}", "old", 0.0, 24.0) for i in range(2)],
        *[(f"pod-{i + 7}", "new", 24.0, 49.0) for i in range(2)],
    )
    named = tuple(replace(server, node=f"gpu {i % 2}") for i, server in enumerate(pods.servers))
    assert chosen(replace(pods, servers=named)).kind == "before and after"


def test_a_window_under_both_releases_is_left_out() -> None:
    design = chosen(
        windows(
            ("a", "old", 0, 24), ("a", "new", 23.5, 49), ("b", "old", 0, 50), ("c", "old", 0, 50)
        ),
        0.0,
    )
    of_a = design.node == design.nodes.index("a")
    overlap = (np.arange(len(of_a)) >= 0) & of_a & ~design.keep
    assert overlap.sum() == 12


def renamed(machine: str) -> Windows:
    """Return four pods on two machines, and the four that replaced them there."""
    pods = windows(
        *[(f"pod-{i}", "old", 0.0, 24.0) for i in range(4)],
        *[(f"pod-{i + 4}", "new", 24.0, 49.0) for i in range(4)],
    )
    servers = tuple(
        replace(server, machine=machine.format(i % 2)) for i, server in enumerate(pods.servers)
    )
    return replace(pods, servers=servers)


def test_renamed_pods_on_shared_machines_are_compared_by_machine() -> None:
    design = chosen(renamed("node {}"))
    assert (design.kind, design.unit, design.servers, design.fault) == (
        "before and after",
        "machine",
        (2, 2),
        "",
    )


def test_renamed_pods_of_unknown_place_are_told_what_would_help() -> None:
    design = chosen(renamed(""))
    assert design.unit == "server"
    assert "different servers at different times" in design.fault
    assert "inferfleet_server_pod_info" in design.remedy


def test_machines_differ_as_much_more_as_an_outcome_grows() -> None:
    """Side by side they are in the effect; what starts differ by is taken as of the outcome."""
    beside = [(n, "old", 0.0, 6.0) for n in "ab"] + [(n, "new", 0.0, 6.0) for n in "cd"]
    past = [
        *((n, "old", 0.0, 24.0) for n in "ab"),
        *((n, "new", 24.0, 31.0) for n in "ab"),
        *((n, "old", 0.0, 31.0) for n in "cd"),
    ]
    for lives, factor in ((beside, 1.0), (past, 0.25)):
        design = chosen(windows(*lives))
        spread, over = design.spread, design.spread_over(2.0)
        assert spread is not None
        assert over is not None
        assert over.value == pytest.approx(factor * spread.value)
        assert over.degrees_of_freedom == spread.degrees_of_freedom


def test_machines_differ_in_power_too() -> None:
    beside = [(n, "old", 0.0, 6.0) for n in "ab"] + [(n, "new", 0.0, 6.0) for n in "cd"]
    design = chosen(windows(*beside))
    speed, energy = design.spread, replace(design, machines=MACHINES_IN_ENERGY).spread
    assert speed is not None
    assert energy is not None
    assert energy.value > 2.0 * speed.value
