"""Shows what the exporter reads from this machine's NVIDIA GPUs beside what nvidia-smi says.

Also measures what one reading costs, and, where PyTorch is installed, what readings cost a running
matrix product. `--record FILE` writes down the driver's raw answers, at rest and under load.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic, perf_counter, sleep

from rich.console import Console
from rich.table import Table

from exporter.base.errors import GpuError
from exporter.gpu.nvml import Nvml
from exporter.gpu.reading import GpuReading, Key
from scripts.nvml_recorder import Recorder

LOAD = """
import sys, time, torch
a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
while True:
    for _ in range(40):
        a @ b
    torch.cuda.synchronize()
    print(time.perf_counter(), flush=True)
"""
BATCH = 40
# canonical value -> nvidia-smi's own column, and the factor that makes them alike
SMI: dict[Key, tuple[str, float]] = {
    ("gpu_power_watts", ()): ("power.draw.average", 1),
    ("gpu_power_instant_watts", ()): ("power.draw.instant", 1),
    ("gpu_power_limit_watts", ()): ("enforced.power.limit", 1),
    ("gpu_memory_used_bytes", ()): ("memory.used", 2**20),
    ("gpu_memory_total_bytes", ()): ("memory.total", 2**20),
    ("gpu_memory_reserved_bytes", ()): ("memory.reserved", 2**20),
    ("gpu_sm_clock_hertz", ()): ("clocks.sm", 1e6),
    ("gpu_sm_clock_max_hertz", ()): ("clocks.max.sm", 1e6),
    ("gpu_memory_clock_hertz", ()): ("clocks.mem", 1e6),
    ("gpu_memory_clock_max_hertz", ()): ("clocks.max.mem", 1e6),
    ("gpu_temperature_celsius", (("sensor", "gpu"),)): ("temperature.gpu", 1),
    ("gpu_temperature_celsius", (("sensor", "memory"),)): ("temperature.memory", 1),
    ("gpu_utilization_ratio", ()): ("utilization.gpu", 0.01),
    ("gpu_memory_activity_ratio", ()): ("utilization.memory", 0.01),
    **{
        ("gpu_throttled", (("reason", reason),)): (f"clocks_event_reasons.{column}", 1)
        for reason, column in (
            ("gpu_idle", "gpu_idle"),
            ("applications_clocks", "applications_clocks_setting"),
            ("sw_power_cap", "sw_power_cap"),
            ("hw_slowdown", "hw_slowdown"),
            ("sync_boost", "sync_boost"),
            ("sw_thermal", "sw_thermal_slowdown"),
            ("hw_thermal", "hw_thermal_slowdown"),
            ("hw_power_brake", "hw_power_brake_slowdown"),
        )
    },
    **{
        ("gpu_throttled_seconds_total", (("reason", reason),)): (
            f"clocks_event_reasons_counters.{column}",
            1e-6,
        )
        for reason, column in (
            ("sw_power_cap", "sw_power_cap"),
            ("sync_boost", "sync_boost"),
            ("sw_thermal", "sw_thermal_slowdown"),
            ("hw_thermal", "hw_thermal_slowdown"),
            ("hw_power_brake", "hw_power_brake_slowdown"),
        )
    },
    ("gpu_ecc_errors_total", (("kind", "corrected"),)): ("ecc.errors.corrected.aggregate.total", 1),
    ("gpu_ecc_errors_total", (("kind", "uncorrected"),)): (
        "ecc.errors.uncorrected.aggregate.total",
        1,
    ),
    ("gpu_remapped_rows", (("cause", "corrected"),)): ("remapped_rows.correctable", 1),
    ("gpu_remapped_rows", (("cause", "uncorrected"),)): ("remapped_rows.uncorrectable", 1),
    ("gpu_row_remap_pending", ()): ("remapped_rows.pending", 1),
    ("gpu_row_remap_failed", ()): ("remapped_rows.failure", 1),
}
WORDS = {"Active": 1.0, "Not Active": 0.0, "Yes": 1.0, "No": 0.0}


def smi(uuid: str, columns: list[str]) -> dict[str, str]:
    """Return nvidia-smi's words for a GPU at one moment, by column; none where it refuses one."""
    query = f"--query-gpu={','.join(columns)}"
    done = subprocess.run(
        ["nvidia-smi", f"--id={uuid}", query, "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        check=False,
    )
    words = done.stdout.strip().split(", ") if done.returncode == 0 else []
    return dict(zip(columns, words, strict=bool(words)))


def beside(reading: GpuReading, words: dict[str, str]) -> Table:
    """Return every value of a reading beside nvidia-smi's."""
    table = Table(title=f"{reading.model}, driver {reading.driver}", title_justify="left")
    for name in ("series", "exporter", "nvidia-smi", "its column"):
        table.add_column(name)
    for (family, labels), value in sorted(reading.values.items()):
        column, factor = SMI.get((family, labels), ("", 1))
        word = words.get(column, "")
        number = WORDS.get(word)
        try:
            smi_value = f"{float(word) * factor:.6g}" if number is None else f"{number:g}"
        except ValueError:
            smi_value = word or "not reported"
        series = family + "".join(f"{{{key}={label}}}" for key, label in labels)
        table.add_row(series, f"{value:.6g}", smi_value, column)
    return table


@contextmanager
def load() -> Iterator[list[float]]:
    """Run matrix products on the GPU; yields the times at which batches of them ended."""
    process = subprocess.Popen([sys.executable, "-c", LOAD], stdout=subprocess.PIPE, text=True)
    ended: list[float] = []

    def follow() -> None:
        for line in process.stdout or ():
            ended.append(float(line))

    Thread(target=follow, daemon=True).start()
    try:
        while len(ended) < 3:
            if process.poll() is not None:
                sys.exit("the load needs PyTorch and a GPU it can use")
            sleep(0.1)
        yield ended
    finally:
        process.kill()
        process.wait()


def cost(read: Callable[[float], object], times: int) -> str:
    """Return what one reading takes, in words."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        read(monotonic())
        taken.append((perf_counter() - start) * 1e3)
        sleep(0.15)
    taken.sort()
    return (
        f"median {statistics.median(taken):.2f} ms, 90 % within {taken[int(times * 0.9)]:.2f} ms, "
        f"longest {taken[-1]:.2f} ms of {times}"
    )


def effect(nvml: Nvml, ended: list[float], every: float, rounds: int, seconds: float) -> str:
    """Return the speed of the matrix products while GPUs are read, over that while they are not."""

    def speed(reading: bool) -> float:
        stop, start = Event(), perf_counter()

        def run() -> None:
            while not stop.wait(every):
                nvml.read(monotonic())

        reader = Thread(target=run)
        if reading:
            reader.start()
        sleep(seconds)
        stop.set()
        inside = [when for when in list(ended) if start <= when]
        if reading:
            reader.join()
        return BATCH * (len(inside) - 1) / (inside[-1] - inside[0])

    speed(False)
    ratios = []
    for i in range(rounds):
        # each pair begins with the other one, so that a drift of the clocks cancels out
        first = speed(i % 2 == 0)
        second = speed(i % 2 == 1)
        ratios.append(first / second if i % 2 == 0 else second / first)
    mean, spread = statistics.mean(ratios), statistics.stdev(ratios) / rounds**0.5
    return f"read every {every:g} s: speed x {mean:.5f} +- {spread:.5f} ({rounds} pairs)"


def main() -> None:
    """Print everything; see the module's docstring."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--record", type=Path, help="write the driver's raw answers here")
    arguments.add_argument("--rounds", type=int, default=8, help="pairs of the matrix product")
    arguments.add_argument("--seconds", type=float, default=4.0, help="length of half a pair")
    wanted = arguments.parse_args()
    console = Console(width=140)
    if wanted.record:
        tape = Recorder()
        reader = Nvml(tape)
        tape.mark("at rest")
        for _ in range(3):
            reader.read(monotonic())
            sleep(1.0)
        with load():
            sleep(4.0)
            tape.mark("under load")
            for _ in range(3):
                reader.read(monotonic())
                sleep(1.0)
        tape.save(wanted.record)
        console.print(f"{len(tape.calls)} calls written to {wanted.record}")
    nvml = Nvml()
    start = perf_counter()
    nvml.read(monotonic())
    console.print(f"first reading, driver opened: {(perf_counter() - start) * 1e3:.1f} ms")
    console.print(f"one reading at rest: {cost(nvml.read, 40)}")
    with load() as ended:
        sleep(5.0)
        console.print(f"one reading under load: {cost(nvml.read, 40)}")
        uuids = [reading.uuid for reading in nvml.read(monotonic())]
        known = [column for column, _ in SMI.values() if smi(uuids[0], [column])]
        sleep(1.0)
        words = {uuid: smi(uuid, known) for uuid in uuids}
        for reading in nvml.read(monotonic()):
            console.print(beside(reading, words[reading.uuid]))
        for every in (2.0, 0.5):
            console.print(effect(nvml, ended, every, wanted.rounds, wanted.seconds))


if __name__ == "__main__":
    try:
        main()
    except GpuError as error:
        raise SystemExit(f"gpu_check: {error}") from None
