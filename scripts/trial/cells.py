"""A fleet's readings as load cells, as `compare` reads them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporter.compare.fleet.windows import Fleet, Lookups, ServerFacts, ServerKey, Windows
from exporter.config.root import LoadCellSettings
from tests.sim.cells import UPPER

from .fleet import Run
from .profile import PROFILES, Array
from .state import INTERVAL

WIDTH: Final = 300.0
"""Seconds of a window that `compare` reads."""
EPOCH: Final = 1_700_000_000.0 - 1_700_000_000.0 % 3600.0
"""Unix time of the upgrade."""
OLD: Final = "0.20.2"
NEW: Final = "0.26.0"
BASELINE_COUNTERS: Final = (
    "decode_baseline_seconds",
    "finished_prefill_baseline_seconds",
    "baseline_joules",
    "spec_accepted_baseline_tokens",
)
"""What the same work would have counted on the old release; nothing that judges reads them."""
EXPORTER_WARM_UP: Final = LoadCellSettings().warm_up
"""Seconds after a start that the exporter counts in no cell."""


def counted(run: Run) -> NDArray[np.bool_]:
    """Return the intervals that the exporter counts: no start, no warm-up, no preemption."""
    warm = run.age - INTERVAL >= EXPORTER_WARM_UP
    result: NDArray[np.bool_] = ~run.down & warm & (run.counts["preemptions"] == 0)
    return result


def amounts(run: Run) -> dict[str, Array]:
    """Return the work of each interval by quantity, as the exporter counts it, beside its truth."""
    counts = run.counts
    seconds = np.full(run.life.shape, INTERVAL)
    queue = run.queue[:, :-1] & run.queue[:, 1:]
    work = {
        "seconds": seconds,
        "gpu_seconds": seconds,
        "context_token_seconds": 0.5 * (run.context[:, :-1] + run.context[:, 1:]) * INTERVAL,
        "saturated_seconds": np.where(queue, INTERVAL, 0.0),
        "metered_decode_tokens": counts["decode_tokens"],
    }
    copied = (
        *BASELINE_COUNTERS,
        "decode_sequence_seconds",
        "decode_tokens",
        "prefill_tokens",
        "first_tokens",
        "first_token_seconds",
        "finished_prefill_tokens",
        "finished_prefill_seconds",
        "joules",
    )
    work.update({name: counts[name] for name in copied})
    if PROFILES[run.case.scenario.model].drafts:
        work.update({name: counts[name] for name in ("spec_draft_tokens", "spec_accepted_tokens")})
    return work


def cell_of(run: Run) -> NDArray[np.int64]:
    """Return each interval's cell: 0 idle, 1 prompts alone, else 2 and the index in `UPPER`."""
    counts = run.counts
    batch = counts["decode_sequence_seconds"] / INTERVAL
    decodes = (batch > 0) | (counts["decode_tokens"] > 0)
    prompts = (counts["prefill_tokens"] > 0) | (counts["first_tokens"] > 0)
    cell = 2 + np.searchsorted(UPPER, batch, side="left")
    result: NDArray[np.int64] = np.where(decodes, cell, np.where(prompts, 1, 0)).astype(np.int64)
    return result


def fleet_of_run(
    run: Run, servers: NDArray[np.int64], since: float, until: float | None = None
) -> Fleet:
    """Return what `compare` reads of some servers in a span of time.

    Times are in seconds from the upgrade on; without `until` up to the end. Prompts alone are left
    out.
    """
    end = float(run.edges[-1]) if until is None else until
    rows = counted(run)[servers] & (run.edges > since) & (run.edges <= end)
    rows &= cell_of(run)[servers] != 1
    names, facts, number = _lives(run, servers)
    step = np.floor((run.edges - INTERVAL - since + 1e-6) / WIDTH).astype(np.int64)
    count = int(step.max()) + 1
    by_window = (number * count + step)[rows]
    cells = by_window * (len(UPPER) + 2) + cell_of(run)[servers][rows]
    found, place = np.unique(cells, return_inverse=True)
    whole, whole_place = np.unique(by_window, return_inverse=True)
    edges = np.concatenate([[0.0, 0.0], UPPER])

    def start(window: NDArray[np.int64]) -> Array:
        return EPOCH + since + (window % count).astype(np.float64) * WIDTH

    def summed(values: Array, places: NDArray[np.int64]) -> Array:
        return np.bincount(places, values[servers][rows]).astype(np.float64)

    windows = found // (len(UPPER) + 2)
    return Fleet(
        Windows(
            names,
            windows // count,
            start(windows),
            edges[found % (len(UPPER) + 2)],
            WIDTH,
            {name: summed(values, place) for name, values in amounts(run).items()},
        ),
        facts,
        Lookups(
            whole // count,
            start(whole),
            summed(run.counts["queried_tokens"], whole_place),
            summed(run.counts["hit_tokens"], whole_place),
        ),
        source="trial",
        end=EPOCH + end,
    )


def _lives(
    run: Run, servers: NDArray[np.int64]
) -> tuple[tuple[ServerKey, ...], tuple[ServerFacts, ...], NDArray[np.int64]]:
    """Return each server's releases with their starts, and the number of each interval's."""
    names, facts = list[ServerKey](), list[ServerFacts]()
    numbers = np.zeros((len(servers), run.life.shape[1]), dtype=np.int64)
    for row, server in enumerate(servers):
        for release in (0, 1):
            running = run.release[server] == release
            if not running.any():
                continue
            numbers[row, running] = len(names)
            version = (OLD, NEW)[release]
            starts = [EPOCH + each.begin for each in run.lives[server] if each.release == release]
            names.append(ServerKey(f"node{server}", "vllm", version, "m", "NVIDIA H100", "c0"))
            facts.append(_facts(run, version, tuple(starts)))
    return tuple(names), tuple(facts), numbers


def _facts(run: Run, version: str, starts: tuple[float, ...]) -> ServerFacts:
    profile = PROFILES[run.case.scenario.model]
    labels = {
        "engine": "vllm",
        "version": version,
        "release": version,
        "model": "m",
        "gpu_model": "NVIDIA H100",
        "class": "c0",
        "config": "c0ffee00",
    }
    limits = {
        "max_running_requests": float(profile.max_sequences),
        "kv_cache_capacity_tokens": profile.capacity,
    }
    return ServerFacts(labels, limits, starts)
