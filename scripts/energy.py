"""Joules per token in each phase of the recordings that hold a GPU's energy counter.

The counter is cut at the phases' edges as the exporter cuts it at its samples; tokens are what the
load client counted. What lies between phases is listed too, so that all adds up to the counter.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from exporter.gpu.energy import EnergyCounters
from exporter.replay.recording import Recording, bundled_recordings, load_recording

BETWEEN = "between phases"


@dataclass(frozen=True, slots=True)
class PhaseEnergy:
    """Energy of one phase of `seconds` in joules, and the tokens its client counted."""

    name: str
    seconds: float
    joules: float
    generated: float
    prompt: float

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.joules / self.seconds


def phases(recording: Recording) -> list[PhaseEnergy]:
    """Return the phases in order, and the energy used outside them as one more."""
    meter, total = _metered(recording)
    measured = []
    for phase in recording.phases:
        use = meter.energy_use(["gpu"], phase["start"], phase["end"])
        assert use is not None, f"{recording.name}: {phase['name']} lies outside the counter"
        tokens = float(phase["gen_tokens"]), float(phase["prompt_tokens"])
        measured.append(PhaseEnergy(phase["name"], use.seconds, use.joules, *tokens))
    times = [sample["t"] for sample in recording.nvml if "t" in sample]
    rest = times[-1] - times[0] - sum(phase.seconds for phase in measured)
    joules_between = sum(piece for piece in _between(recording, meter))
    assert abs(sum(p.joules for p in measured) + joules_between - total) < 1e-6 * total
    return [*measured, PhaseEnergy(BETWEEN, rest, joules_between, 0.0, 0.0)]


def counted(recording: Recording) -> float:
    """Return what the energy counter gained over the recording, in joules."""
    return _metered(recording)[1]


def _metered(recording: Recording) -> tuple[EnergyCounters, float]:
    meter = EnergyCounters(1e9)
    samples = [sample for sample in recording.nvml if "t" in sample]
    for sample in samples:
        meter.add(sample["t"], {"gpu": sample["energy_mj"] / 1e3})
    return meter, (samples[-1]["energy_mj"] - samples[0]["energy_mj"]) / 1e3


def _between(recording: Recording, meter: EnergyCounters) -> Iterator[float]:
    """Yield the energy used before, between and after the phases."""
    times = [sample["t"] for sample in recording.nvml if "t" in sample]
    starts = [*(phase["start"] for phase in recording.phases), times[-1]]
    ends = [times[0], *(phase["end"] for phase in recording.phases)]
    for start, end in zip(ends, starts, strict=True):
        use = meter.energy_use(["gpu"], start, end)
        yield use.joules if use else 0.0


def energy_table(recordings: list[Recording]) -> Table:
    """Return joules per generated token and watts, phase by phase, recording beside recording."""
    table = Table(title="joules per generated token (per token, prompt included; watts)")
    table.add_column("phase")
    for recording in recordings:
        table.add_column(recording.name, justify="right")
    columns = [phases(recording) for recording in recordings]
    for row in zip(*columns, strict=True):
        table.add_row(row[0].name, *(_cell(phase) for phase in row))
    totals = [sum(phase.joules for phase in column) for column in columns]
    table.add_row("all, kJ", *(f"{total / 1e3:.2f}" for total in totals))
    counters = (counted(recording) / 1e3 for recording in recordings)
    table.add_row("the counter, kJ", *(f"{total:.2f}" for total in counters))
    return table


def _cell(phase: PhaseEnergy) -> str:
    if not phase.generated:
        return f"{phase.watts:.0f} W"
    every = phase.joules / (phase.generated + phase.prompt)
    return f"{phase.joules / phase.generated:.4f} ({every:.4f}; {phase.watts:.0f} W)"


def main() -> None:
    """Print the dense and the MoE recordings."""
    recordings = [load_recording(path) for path in bundled_recordings().values()]
    for kind in ("dense", "moe"):
        Console(width=140).print(energy_table([each for each in recordings if kind in each.name]))


if __name__ == "__main__":
    main()
