"""Runs made of numbers, for tests whose truth is known."""

from collections.abc import Sequence

import numpy as np

from exporter.compare.assess.criteria import Criteria
from exporter.compare.assess.result import Comparison
from exporter.compare.fleet.phases import Phase
from exporter.compare.fleet.recordings import RecordedFleet
from exporter.compare.fleet.windows import Fleet, ServerFacts, ServerKey, Windows
from exporter.compare.replicates.comparison import compare_runs

WIDTH = 4.0
BATCHES = (1.0, 16.0, 64.0)
_TOKENS_PER_SECOND = {1.0: 200.0, 16.0: 2000.0, 64.0: 4000.0}
_LABELS = {"version": "1", "model": "m", "gpu_model": "g", "config": "c", "runner": "v1"}


def made_windows(
    speeds: Sequence[float],
    *,
    seconds: Sequence[dict[float, int]] = (),
    joules: Sequence[float | None] = (),
) -> Windows:
    """Return windows of runs that decode at these multiples of one speed.

    `seconds` holds of each run how many windows it spent at each batch, by default eight at each;
    `joules` are those per token of each run, None where its GPU was not sampled.
    """
    rows: dict[str, list[float]] = {}
    servers, times, batches = list[int](), list[float](), list[float]()
    for run, speed in enumerate(speeds):
        visits = seconds[run] if seconds else dict.fromkeys(BATCHES, 8)
        schedule = [batch for batch, count in visits.items() for _ in range(count)]
        for number, batch in enumerate(schedule):
            tokens = _TOKENS_PER_SECOND[batch] * speed * WIDTH
            energy = joules[run] if joules else None
            servers.append(run)
            times.append(number * WIDTH)
            batches.append(batch)
            for name, value in {
                "seconds": WIDTH,
                "gpu_seconds": WIDTH,
                "decode_tokens": tokens,
                "decode_sequence_seconds": batch * WIDTH,
                "prefill_tokens": tokens,
                "context_token_seconds": 500.0 * batch * WIDTH,
                "joules": np.nan if energy is None else energy * tokens,
                "metered_decode_tokens": np.nan if energy is None else tokens,
            }.items():
                rows.setdefault(name, []).append(value)
    keys = tuple(ServerKey(f"run-{i}", "vllm", "old", "m", "g", "k") for i in range(len(speeds)))
    columns = {name: np.array(values) for name, values in rows.items()}
    return Windows(keys, np.array(servers), np.array(times), np.array(batches), WIDTH, columns)


def made_fleet(
    windows: Windows,
    baselines: int,
    *,
    labels: Sequence[dict[str, str]] = (),
    starts: Sequence[float] = (),
    spans: Sequence[tuple[float, float]] = (),
    rates: Sequence[dict[str, float]] = (),
    ttfts: Sequence[float] = (),
) -> RecordedFleet:
    """Return windows as recorded runs, the first ones the baseline's.

    `labels` add to those of each run, `rates` are its load client's tokens/s by phase, `ttfts` its
    seconds to the first token in all of them.
    """
    count = len(windows.servers)
    facts = tuple(
        ServerFacts(
            {**_LABELS, "engine": "vllm", **(labels[i] if labels else {})},
            {"max_running_requests": 64.0},
            (starts[i],) if starts else (),
        )
        for i in range(count)
    )
    phases = tuple(
        tuple(
            Phase(name, 0.0, WIDTH, rate, {"time_to_first_token": ttfts[i]} if ttfts else {})
            for name, rate in (rates[i] if rates else {}).items()
        )
        for i in range(count)
    )
    return RecordedFleet(
        Fleet(windows, facts, short=True, source="made"),
        ("old", "new"),
        tuple(i >= baselines for i in range(count)),
        phases,
        tuple(spans) if spans else ((0.0, 100.0),) * count,
    )


def compared(baseline: Sequence[float], candidate: Sequence[float], **more: object) -> Comparison:
    """Return the comparison of runs at these multiples of one speed, at a margin of 3 %."""
    windows = made_windows([*baseline, *candidate])
    fleet = made_fleet(windows, len(baseline), **more)  # type: ignore[arg-type]
    return compare_runs(fleet, Criteria(0.03, 0.05), None)
