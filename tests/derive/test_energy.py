"""Joules per token over work, watts over idleness, and nothing where they cannot be told apart."""

from collections import deque
from collections.abc import Callable, Iterator

import pytest

from exporter.derive.energy import WindowEnergy, window_energy
from exporter.derive.figures import figures
from exporter.derive.meter import Meter
from exporter.derive.summary import ServerLimits
from exporter.derive.window import Window
from exporter.engines.plan import Snapshot
from exporter.gpu.energy import EnergyCounters, EnergyUse
from exporter.replay.recording import Recording
from exporter.replay.snapshots import snapshots
from scripts.energy import phases
from tests.conftest import H200
from tests.pages import snapshot

STEP = 5.0


def page(made: float, prompt: float, running: float, time: float) -> str:
    return (
        f'vllm:num_requests_running{{engine="0",model_name="m"}} {running}\n'
        f'vllm:generation_tokens_total{{engine="0",model_name="m"}} {made}\n'
        f'vllm:prompt_tokens_total{{engine="0",model_name="m"}} {2 * prompt}\n'
        "vllm:prompt_tokens_by_source_total"
        f'{{engine="0",model_name="m",source="local_compute"}} {prompt}\n'
    )


def window(*moves: tuple[float, float, float, EnergyUse | None]) -> Window:
    """Return a window of intervals of 5 s: tokens made, prompt computed, running, energy."""
    found, made, prompt = Window(1e6), 0.0, 0.0
    found.add(snapshot(page(0, 0, 0, 0.0), "0.26.0"))
    for i, (more, computed, running, drawn) in enumerate(moves, 1):
        made, prompt = made + more, prompt + computed
        found.add(snapshot(page(made, prompt, running, i * STEP), "0.26.0", time=i * STEP), drawn)
    return found


def joules(amount: float, step: float = 2.0) -> EnergyUse:
    return EnergyUse(amount, STEP, step)


def test_work_and_idleness_are_told_apart() -> None:
    found = window_energy(
        window(
            (1000, 4000, 8, joules(3000)),
            (0, 0, 0, joules(600)),
            (500, 2000, 8, joules(1500)),
            (0, 0, 0, joules(900)),
            (0, 0, 0, joules(500)),
            (0, 0, 0, joules(500)),
        )
    )
    assert found.joules_per_token == 4500 / 1500
    assert found.joules_per_processed_token == 4500 / 7500
    assert found.idle_watts == 1000 / 10


def test_idleness_between_work_has_no_watts_of_its_own() -> None:
    busy, idle = (100, 100, 8, joules(3000)), (0, 0, 0, joules(1500))
    assert window_energy(window(busy, idle, idle, busy)).idle_watts is None


def test_a_long_prefill_is_work_though_no_token_comes() -> None:
    found = window_energy(window((0, 0, 1, joules(3000)), (100, 0, 1, joules(3000))))
    assert found.joules_per_token == 60
    assert found.idle_watts is None


def test_an_idle_server_has_watts_and_no_joules_per_token() -> None:
    found = window_energy(window((0, 0, 0, joules(600))))
    assert found == WindowEnergy(None, None, 120)


def test_intervals_without_energy_count_on_neither_side() -> None:
    found = window_energy(window((999, 0, 8, None), (100, 0, 8, joules(50))))
    assert found.joules_per_token == 0.5


def test_a_slow_counter_speaks_where_there_was_work_all_the_time() -> None:
    busy = (100, 100, 8, joules(50, step=30))
    assert window_energy(window(busy, busy)).joules_per_token == 0.5
    assert window_energy(window(busy, (0, 0, 0, joules(50, step=30)))) == WindowEnergy()


def test_unknown_energy_is_unknown() -> None:
    assert window_energy(window((100, 100, 8, None))) == WindowEnergy()


def test_the_figures_hold_it() -> None:
    values = figures(window((100, 100, 8, joules(50))), ServerLimits())
    assert values["joules_per_token"] == pytest.approx(0.5)


def metered(recording: Recording) -> Iterator[tuple[Snapshot, EnergyUse | None]]:
    """Yield each page with what was drawn since the one before, as known at its own time."""
    counters, last = EnergyCounters(1e6), None
    samples = deque(sample for sample in recording.nvml if "t" in sample)
    for page in snapshots(recording):
        time = page.time
        while samples and samples[0]["t"] <= time:
            sample = samples.popleft()
            counters.add(sample["t"], {"gpu": sample["energy_mj"] / 1e3})
        yield page, counters.energy_use(["gpu"], last, time) if last else None
        last = time


@pytest.mark.parametrize("name", H200)
def test_the_energy_of_load_cells_is_that_of_the_counter(
    name: str, recording: Callable[[str], Recording]
) -> None:
    one, meter, count = recording(name), Meter(0, 30.0, 256), 0.0
    who = (("release", one.engine_version),)
    for page_, drawn in metered(one):
        meter.add(page_, 2e9, who, 1, drawn.joules if drawn and drawn.fine else None)
        count += drawn.joules if drawn else 0.0
    samples = [sample for sample in one.nvml if "t" in sample]
    gained = (samples[-1]["energy_mj"] - samples[0]["energy_mj"]) / 1e3
    in_cells = sum(cell.get("joules", 0.0) for cell in meter.load.cells.values())
    assert in_cells == pytest.approx(count, rel=1e-9)
    # pages and samples begin and end some seconds apart
    assert in_cells == pytest.approx(gained, rel=0.02)
    made = sum(cell.get("decode_tokens", 0.0) for cell in meter.load.cells.values())
    of_metered = sum(cell.get("metered_decode_tokens", 0.0) for cell in meter.load.cells.values())
    assert of_metered == pytest.approx(made, rel=0.01)


@pytest.mark.parametrize("name", H200)
def test_a_window_over_a_phase_tells_its_joules_per_token(
    name: str, recording: Callable[[str], Recording]
) -> None:
    one = recording(name)
    full = next(phase for phase in one.phases if phase["name"] == "full")
    known = next(phase for phase in phases(one) if phase.name == "full")
    found = Window(1e6)
    for page_, drawn in metered(one):
        if full["start"] - 2 <= page_.time <= full["end"] + 2:
            found.add(page_, drawn)
    told = window_energy(found).joules_per_token
    assert told is not None
    assert told == pytest.approx(known.joules / known.generated, rel=0.05)
