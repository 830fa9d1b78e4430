"""The simulator's load cells are the exporter's: same slices, same cells, same sums."""

import numpy as np
import pytest

from exporter.derive.interval import Interval
from exporter.derive.load_cell import End, batch_label, batch_of, work_of
from tests.sim.cells import QUANTITIES, UPPER, cell_of, per_slice
from tests.sim.fleet import simulate_fleet
from tests.sim.noise import SLICE
from tests.sim.scenario import Part, Scenario, Upgrade

COUNTED = {
    "decode_sequence_seconds": "decode_sequence_seconds",
    "decode_tokens": "decode_tokens",
    "prefill_tokens": "prompt_tokens_computed",
    "first_tokens": "first_tokens",
    "first_token_seconds": "first_token_seconds",
    "finished_prefill_tokens": "finished_prefill_tokens",
    "finished_prefill_seconds": "finished_prefill_seconds",
}


def test_cells_are_those_of_the_exporter() -> None:
    upgrade = Upgrade(hours_before=0.5, hours_after=0.5)
    fleet = simulate_fleet(np.random.default_rng(3), upgrade, Scenario(), servers=2)
    amounts, cells = per_slice(fleet), cell_of(fleet)
    for server in range(2):
        for i in range(fleet.batch.shape[1]):
            context = float(fleet.context[server, i] * fleet.batch[server, i])
            end = End(None, float(fleet.saturated[server, i]), context)
            increase = {raw: float(amounts[name][server, i]) for name, raw in COUNTED.items()}
            interval = Interval(SLICE, increase, None, None, None)
            work = work_of(interval, "vllm", (end, end), 1, float(fleet.joules[server, i]))
            assert work is not None
            assert batch_of(work) == f"{UPPER[cells[server, i]]:g}"
            for quantity in QUANTITIES:
                assert amounts[quantity][server, i] == pytest.approx(work[quantity]), quantity


def test_edges_are_those_of_the_exporter() -> None:
    assert [batch_label(edge) for edge in UPPER] == [f"{edge:g}" for edge in UPPER]


def test_an_effect_touches_what_it_says() -> None:
    ranges: tuple[tuple[Part, float, float], ...] = (
        ("decode", -0.09, -0.02),
        ("all", -0.101, -0.09),
    )
    for part, least, most in ranges:
        upgrade = Upgrade(-0.10, part, hours_before=1, hours_after=3)
        fleet = simulate_fleet(np.random.default_rng(3), upgrade, Scenario(), servers=2)
        judged = (fleet.release == 1) & (fleet.age > 3600) & (fleet.age < 7200)
        seconds = fleet.batch[judged] * SLICE
        speed = (fleet.truth["decode"][judged] / seconds).mean() - 1
        assert least < speed < most
