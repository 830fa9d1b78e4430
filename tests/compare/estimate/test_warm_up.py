"""Warm-up is learnt from change over the time since a start, never from a level."""

import numpy as np
import pytest

from exporter.compare.estimate.warm_up import Settling, WarmUp, learn_warm_up
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import ServerFacts, ServerKey, Windows

WIDTH = 300.0
HOUR = 3600.0
START = 24 * HOUR
AGES = np.arange(36)


def learnt(
    slowness: list[Floats], *, servers: int = 4, ceiling: float = HOUR, batch: Floats | None = None
) -> tuple[WarmUp, Windows]:
    """Return what is learnt of servers that start at `START`, beside as many that did not.

    `slowness` has a factor on the time per token of every window since the start for each server
    that starts, the last one again for those that are left.
    """
    random = np.random.default_rng(1)
    keys, server, time, load, factor = list[ServerKey](), [], [], [], []
    for number in range(2 * servers):
        started = number < servers
        keys.append(ServerKey(f"n{number}", "vllm", "new" if started else "old", "m", "g", "c"))
        begin = START if started else 0.0
        windows = np.arange(begin, START + len(AGES) * WIDTH, WIDTH)
        own = slowness[min(number, len(slowness) - 1)] if started else np.ones(len(windows))
        server += [number] * len(windows)
        time += list(windows)
        factor += list(own[: len(windows)])
        load += list(
            batch[: len(windows)]
            if started and batch is not None
            else 8.0 * 6.0 ** random.random(len(windows))
        )
    sequences, noise = np.array(load), np.exp(0.005 * random.standard_normal(len(load)))
    per_token = (0.01 + 0.0001 * sequences) * np.array(factor) * noise
    seconds = np.full(len(load), WIDTH)
    windows_ = Windows(
        tuple(keys),
        np.array(server),
        np.array(time),
        2.0 ** np.ceil(np.log2(sequences)),
        WIDTH,
        {
            "seconds": seconds,
            "decode_sequence_seconds": sequences * seconds,
            "decode_tokens": sequences * seconds / per_token,
            "prefill_tokens": np.zeros(len(load)),
            "context_token_seconds": 1000.0 * sequences * seconds,
        },
    )
    facts = [
        ServerFacts(starts=(START,) if number < servers else ()) for number in range(2 * servers)
    ]
    treated = np.array(server) < servers
    return learn_warm_up(windows_, treated, np.array(server), facts, ceiling), windows_


def settling(slowness: list[Floats], **options: float) -> Settling:
    found, _ = learnt(slowness, **options)  # type: ignore[arg-type]
    assert found.settling[0].starts == 0
    return found.settling[1]


def exponential(size: float, minutes: float) -> Floats:
    return np.asarray(1.0 + size * np.exp(-(AGES + 0.5) * 5.0 / minutes))


def test_a_server_that_is_never_slow_at_first_has_the_floor_alone() -> None:
    assert settling([np.ones(len(AGES))]) == Settling(4, 600.0, 600.0, "settled")


@pytest.mark.parametrize("level", [0.8, 1.1, 1.5])
def test_a_level_is_no_warm_up(level: float) -> None:
    assert settling([level * np.ones(len(AGES))]).seconds == 600.0


def test_a_longer_warm_up_is_left_out_for_longer() -> None:
    quick, slow = settling([exponential(0.3, 3.0)]), settling([exponential(0.3, 10.0)])
    assert 600.0 <= quick.seconds <= 900.0
    assert 1200.0 <= slow.seconds <= 2400.0
    # and a release that is slower besides warms up in the same time
    assert settling([1.3 * exponential(0.3, 10.0)]).seconds == slow.seconds


def test_one_that_goes_on_changing_is_left_out_up_to_the_ceiling() -> None:
    found, windows = learnt([exponential(1.0, 60.0)])
    assert found.settling[1].outcome == "unsettled"
    assert set(windows.time[found.cold]) == set(START + np.arange(12) * WIDTH)


def test_a_server_that_takes_longer_than_the_others_is_left_out_for_longer() -> None:
    late = np.where(AGES < 7, 1.2, 1.0)
    found, windows = learnt([late, np.ones(len(AGES))])
    assert (found.settling[1].seconds, found.settling[1].slowest) == (600.0, 2100.0)
    assert [int((found.cold & (windows.server == server)).sum()) for server in range(4)] == [
        7,
        2,
        2,
        2,
    ]


def test_a_neighbour_that_comes_later_is_no_warm_up() -> None:
    noisy = np.where((AGES >= 5) & (AGES < 12), 1.2, 1.0)
    assert settling([noisy, np.ones(len(AGES))]).slowest == 600.0


def test_too_little_data_is_all_warm_up() -> None:
    _, windows = learnt([np.ones(len(AGES))])
    early = windows.where(windows.time < START + 4 * WIDTH)
    facts = [ServerFacts(starts=(START,) if number < 4 else ()) for number in range(8)]
    found = learn_warm_up(early, early.server < 4, early.server, facts, HOUR)
    assert found.settling[1].outcome == "unsettled"
    assert found.cold.sum() == 16


def test_the_first_windows_of_a_batch_are_left_out_where_they_are_slow() -> None:
    # every server meets another batch cell 90 minutes after its start, slowly each time
    batch = np.where(AGES < 18, 10.0, np.where(AGES < 24, 20.0, 40.0))
    slow = np.where((AGES == 18) | (AGES == 24), 1.3, 1.0)
    reference = np.ones(len(AGES))
    for factor, first_visits in ((slow, True), (reference, False)):
        found, windows = learnt([factor], batch=batch)
        assert found.settling[1].first_visits == first_visits
        later = found.cold & (windows.time > START + HOUR)
        assert set(windows.time[later]) == (
            {START + 18 * WIDTH, START + 24 * WIDTH} if first_visits else set()
        )


def test_without_a_curve_the_whole_ceiling_is_left_out() -> None:
    found, windows = learnt([np.ones(len(AGES))])
    bare = windows.without("decode_tokens")
    facts = [ServerFacts(starts=(START,) if number < 4 else ()) for number in range(8)]
    found = learn_warm_up(bare, bare.server < 4, bare.server, facts, HOUR)
    assert found.settling[1] == Settling(4, HOUR, HOUR, "unknown")
    assert found.cold.sum() == 48
