"""A recording counted into load cells, and their sums."""

from collections.abc import Iterable

from exporter.derive.load_cell import QUANTITIES
from exporter.derive.meter import LoadCells, Meter
from exporter.engines.plan import Labels, Snapshot

WHO: Labels = (("release", "r"),)


def counted(pages: Iterable[Snapshot], gpus: float | None = 1, warm_up: float = 0.0) -> LoadCells:
    """Count snapshots at their Unix times, with nothing left out for youth."""
    meter = Meter(warm_up, longest=30.0, max_cells=256)
    for snapshot in pages:
        meter.add(snapshot, snapshot.time, WHO, gpus)
    return meter.load


def total(load: LoadCells, quantity: str) -> float:
    """Return a quantity's sum over all cells."""
    return sum(work.get(quantity, 0.0) for work in load.cells.values())


def table(load: LoadCells) -> str:
    """Return the cells as text, a line each."""
    lines = [
        f"{engine or '-':>2} {batch:>5} "
        + " ".join(f"{q}={work[q]:.6g}" for q in QUANTITIES if q in work)
        for (engine, batch), work in sorted(load.cells.items(), key=_order)
    ]
    lines += [f"left out: {reason} {seconds:.6g}" for reason, seconds in load.excluded.items()]
    return "\n".join(lines) + "\n"


def _order(item: tuple[tuple[str, str], object]) -> tuple[str, float]:
    engine, batch = item[0]
    return engine, -1.0 if batch == "idle" else float(batch)
