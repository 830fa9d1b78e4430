"""A recording run through parser, catalog and window, beside what its load client counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.derive.figure import Figures, number_of
from exporter.derive.figures import figures
from exporter.derive.summary import ServerLimits
from exporter.derive.window import Window
from exporter.engines.plan import Snapshot
from exporter.replay.recording import Recording
from exporter.replay.snapshots import snapshots

# the load rests for four seconds between phases, so a window as long sees one phase at a time
WINDOW = 4.0
LIMITS = ServerLimits(gpus=1)


@dataclass(frozen=True, slots=True)
class Phase:
    """One load phase: client totals, counter differences, integrals of the windowed rates."""

    name: str
    client_generation: float
    client_prompt: float
    counted_generation: float
    counted_prompt: float
    integrated_generation: float
    integrated_prompt: float
    hit_ratio: float | None
    cached_ratio: float | None
    tokens_per_step: float | None


def _sliding(pages: list[Snapshot]) -> Iterator[tuple[float, float, Figures]]:
    """Yield at each page its time, the time since the one before, and the figures of a window.

    Integrated over a phase and the rest of `WINDOW` seconds after it, their rates give its work.
    """
    window, before = Window(WINDOW), pages[0].time
    for snapshot in pages:
        window.add(snapshot)
        yield snapshot.time, snapshot.time - before, figures(window, LIMITS)
        before = snapshot.time


def phases(recording: Recording) -> list[Phase]:
    """Return each load phase between the last page before it and the first page after it."""
    pages = list(snapshots(recording))
    sliding = list(_sliding(pages))
    phases = []
    for phase in recording.phases:
        first = max(i for i, page in enumerate(pages) if page.time <= phase["start"])
        last = min(i for i, page in enumerate(pages) if page.time >= phase["end"])
        whole = Window(1e9)
        for page in pages[first : last + 1]:
            whole.add(page)
        inside = [
            (seconds, values)
            for time, seconds, values in sliding
            if pages[first].time < time <= phase["end"] + WINDOW
        ]
        generation, prompt = (
            sum((number_of(values.get(name)) or 0.0) * seconds for seconds, values in inside)
            for name in ("generation_tokens_per_second", "prompt_tokens_per_second_per_gpu")
        )
        values = figures(whole, LIMITS)
        hits = values["prefix_cache_hit_ratio"]
        assert isinstance(hits, Mapping)
        phases.append(
            Phase(
                phase["name"],
                phase["gen_tokens"],
                phase["prompt_tokens"],
                whole.increase("generation_tokens") or 0.0,
                whole.increase("prompt_tokens") or 0.0,
                generation,
                prompt,
                number_of(hits.get("local")),
                number_of(values.get("prompt_cached_ratio")),
                number_of(values.get("tokens_per_step")),
            )
        )
    return phases
