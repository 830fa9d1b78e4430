"""Two real upgrades of vLLM, read off the recorded servers as the exporter counts them.

For each pair of releases and each load cell both visited: time per decoded token, old over new, at
the batch, prefill and context each had there; and beside it what the load client measured by
phase. Cells where prefill or context differ by more than a quarter are marked: they are not alike,
and the rules correct for it or leave them out. One recording has a minute and a half of load, so
these are figures to look at, not verdicts.
"""

import math

from exporter.derive.meter import Meter
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.replay.snapshots import snapshots

PAIRS = (
    ("vllm-dense-0.20.2-mrv1", "vllm-dense-0.20.2-mrv2"),
    ("vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0"),
    ("vllm-moe-0.20.2-mrv1", "vllm-moe-0.20.2-mrv2"),
)
ALIKE = 1.25
LEAST_TOKENS = 500


def main() -> None:
    """Print a table for each upgrade."""
    recordings = {name: load_recording(path) for name, path in bundled_recordings().items()}
    for old, new in PAIRS:
        print(f"\n{old} to {new}\n")
        _cells(recordings[old], recordings[new])
        _phases(recordings[old], recordings[new])


def _cells(old: Recording, new: Recording) -> None:
    print("| batch | mean B | prefill per token | context | ms a token | ratio | alike |")
    print("|---|---|---|---|---|---|---|")
    sides = [_cell_sums(recording) for recording in (old, new)]
    weights = sums = 0.0
    for batch in sorted(sides[0].keys() & sides[1].keys(), key=float):
        a, b = (side[batch] for side in sides)
        if min(a["decode_tokens"], b["decode_tokens"]) < LEAST_TOKENS:
            continue
        times, means, q, context = (
            [f(work) for work in (a, b)] for f in (_time, _batch, _prefill, _context)
        )
        ratio = times[0] / times[1]
        alike = all(max(x) <= ALIKE * min(x) for x in (means, q, context))
        weight = a["decode_tokens"] * b["decode_tokens"] / (a["decode_tokens"] + b["decode_tokens"])
        if alike:
            weights, sums = weights + weight, sums + weight * math.log(ratio)
        print(
            f"| {batch} | {means[0]:.1f} / {means[1]:.1f} | {q[0]:.1f} / {q[1]:.1f} "
            f"| {context[0]:.0f} / {context[1]:.0f} "
            f"| {1000 * times[0]:.2f} / {1000 * times[1]:.2f} "
            f"| {ratio:.3f} | {'yes' if alike else 'no'} |"
        )
    if weights:
        print(f"\nover the cells alike, weighted by overlap: {math.exp(sums / weights):.3f}\n")


def _phases(old: Recording, new: Recording) -> None:
    print("| phase | sequences | client's tokens/s | ratio |")
    print("|---|---|---|---|")
    for a, b in zip(old.phases, new.phases, strict=False):
        rates = [phase["gen_tok_s"] for phase in (a, b)]
        print(
            f"| {a['name']} | {a['conc']} | {rates[0]:.0f} / {rates[1]:.0f} "
            f"| {rates[1] / rates[0]:.3f} |"
        )


def _cell_sums(recording: Recording) -> dict[str, dict[str, float]]:
    meter = Meter(0.0, 30.0, 256)
    for snapshot in snapshots(recording):
        meter.add(snapshot, snapshot.time, (("release", "r"),), 1)
    cells = {}
    for (_, batch), work in meter.load.cells.items():
        if batch not in ("idle", "0"):
            cells[batch] = dict(work)
    return cells


def _time(work: dict[str, float]) -> float:
    return work["decode_sequence_seconds"] / work["decode_tokens"]


def _batch(work: dict[str, float]) -> float:
    return work["decode_sequence_seconds"] / work["seconds"]


def _prefill(work: dict[str, float]) -> float:
    return work["prefill_tokens"] / work["decode_tokens"]


def _context(work: dict[str, float]) -> float:
    return work["context_token_seconds"] / work["decode_sequence_seconds"]


if __name__ == "__main__":
    main()
