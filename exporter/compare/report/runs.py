"""The tables of recorded runs, as text: what terminal, Markdown and HTML share. Pure."""

from dataclasses import dataclass

from ...vocabulary.verdict import VERDICTS, Verdict
from ..assess.result import Comparison, Estimate, RunSpread
from ..assess.wording import percent_change

AA_LEGEND = (
    "A/A: by how much two runs of one side differ, baseline / candidate; a phase's verdict holds "
    "beside those of the others (Holm)"
)


_BESIDE_A_VERDICT = frozenset(("baseline", "candidate", "from the cells, %"))


@dataclass(frozen=True, slots=True)
class RunTable:
    """A table of texts: its heads, and rows as long as they, the first of each a name.

    `verdicts` are those of the rows, which their last column names, empty where it names none;
    `details` are the heads of columns that a narrow page does without.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[Verdict, ...] = ()
    legend: str = ""
    details: frozenset[str] = frozenset()


def run_tables(comparison: Comparison) -> tuple[RunTable, ...]:
    """Return the tables of the runs, of their load phases and of the latencies in these.

    There are none where there are no recordings.

    A single run a side needs no table of the runs.
    """
    tables = _runs(comparison), _phases(comparison), _latencies(comparison)
    return tuple(table for table in tables if table is not None)


def _runs(comparison: Comparison) -> RunTable | None:
    runs, spread = comparison.runs, comparison.measures[0].run_spread
    if len(runs) <= 2 or spread is None:
        return None
    rows = [
        (
            run.name,
            str(run.side),
            _change(run.decode_ratio),
            _change(run.energy_ratio),
            "unknown" if run.joules_per_token is None else f"{run.joules_per_token:.3g} J",
        )
        for run in runs
    ]
    energy = next((m.run_spread for m in comparison.measures if m.measure == "energy"), None)
    for side in ("baseline", "candidate"):
        texts = [_difference(getattr(each, side)) if each else "" for each in (spread, energy)]
        rows.append(("two runs differ by", side, texts[0], texts[1], ""))
    heads = "run", "side", "decode speed", "tokens per joule", "energy a token"
    columns = [i for i in range(len(heads)) if any(row[i] not in ("", "unknown") for row in rows)]
    return RunTable(
        "the runs at equal load, over the mean of the baseline's",
        tuple(heads[i] for i in columns),
        tuple(tuple(row[i] for i in columns) for row in rows),
    )


def _phases(comparison: Comparison) -> RunTable | None:
    phases = comparison.phases
    if not phases:
        return None
    heads = ["phase", "baseline", "candidate", "from the cells, %", "change, %"]
    rows = [
        [
            phase.phase,
            f"{phase.baseline_rate:,.0f}",
            f"{phase.candidate_rate:,.0f}",
            _with_interval(phase.cells_ratio, phase.cells_estimate),
            _percent(phase.client_ratio),
        ]
        for phase in phases
    ]
    verdicts: tuple[Verdict, ...] = ()
    if any(phase.estimate for phase in phases):
        verdicts = tuple(phase.verdict for phase in phases)
        heads += ["interval, %", "A/A, %", "verdict"]
        for row, phase in zip(rows, phases, strict=True):
            row += [
                _interval(phase.estimate),
                _sides_text(phase.run_spread),
                VERDICTS[phase.verdict],
            ]
    return RunTable(
        "by load phase, in the load client's tokens/s",
        tuple(heads),
        tuple(tuple(row) for row in rows),
        verdicts,
        legend=AA_LEGEND if verdicts else "",
        details=_BESIDE_A_VERDICT if verdicts else frozenset(),
    )


def _latencies(comparison: Comparison) -> RunTable | None:
    rows = [
        [
            f"{phase.phase}, {latency.name.replace('_', ' ')}",
            _milliseconds(latency.baseline),
            _milliseconds(latency.candidate),
            _with_interval(latency.ratio, latency.estimate),
            _sides_text(latency.run_spread),
        ]
        for phase in comparison.phases
        for latency in phase.latencies
    ]
    if not rows:
        return None
    heads = "phase, latency", "baseline", "candidate", "change, %", "A/A, %"
    return RunTable(
        "by load phase, the load client's mean latencies in milliseconds",
        heads,
        tuple(tuple(row) for row in rows),
        legend="more is slower; latencies have no verdict",
        details=_BESIDE_A_VERDICT,
    )


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.4g}"


def _with_interval(ratio: float | None, estimate: Estimate | None) -> str:
    if ratio is None:
        return "unknown"
    return _percent(ratio) + (f" ({_interval(estimate)})" if estimate else "")


def _interval(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{_percent(estimate.lower)} to {_percent(estimate.upper)}"


def _sides_text(spread: RunSpread) -> str:
    sides = spread.baseline, spread.candidate
    return " / ".join("-" if side is None else f"{100.0 * side:.1f}" for side in sides)


def _percent(ratio: float) -> str:
    return f"{100.0 * (ratio - 1.0):+z.1f}"


def _change(ratio: float | None) -> str:
    return "unknown" if ratio is None else percent_change(ratio)


def _difference(share: float | None) -> str:
    return "" if share is None else f"{100.0 * share:.1f} %"
