"""A recording run through parser, catalog and window, beside what its load client counted."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.derive.figures import Figures, Limits, figures
from exporter.derive.window import Window
from exporter.engines import detect, plan
from exporter.engines.plan import Snapshot
from exporter.exposition import Reader
from exporter.replay.recording import Recording

# the load rests for four seconds between phases, so a window as long sees one phase at a time
WINDOW = 4.0


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


def snapshots(recording: Recording) -> Iterator[tuple[float, Snapshot]]:
    """Yield Unix time and snapshot of each page that was answered."""
    reader, held = Reader(detect.wanted), None
    for page in recording.pages:
        if page.text is None:
            continue
        read = reader.read(page.text, "openmetrics" in page.content_type)
        if held is None or held[0] is not read.layout:
            vocabulary = detect.detect(read.layout)
            held = read.layout, plan.make(read.layout, vocabulary, recording.engine_version)
        yield page.time, held[1].apply(read, page.time)


def _sliding(pages: list[tuple[float, Snapshot]]) -> Iterator[tuple[float, float, Figures]]:
    """Yield at each page its time, the time since the one before, and the figures of a window.

    Integrated over a phase and the rest of `WINDOW` seconds after it, their rates give its work.
    """
    window, before = Window(WINDOW), pages[0][0]
    for time, snapshot in pages:
        window.add(snapshot)
        now = figures(window, Limits(gpus=1))
        if now:
            yield time, time - before, now
        before = time


def phases(recording: Recording) -> list[Phase]:
    """Return each load phase between the last page before it and the first page after it."""
    pages = list(snapshots(recording))
    sliding = list(_sliding(pages))
    found = []
    for phase in recording.phases:
        first = max(i for i, (time, _) in enumerate(pages) if time <= phase["start"])
        last = min(i for i, (time, _) in enumerate(pages) if time >= phase["end"])
        whole = Window(1e9)
        for _, snapshot in pages[first : last + 1]:
            whole.add(snapshot)
        rates = [one for one in sliding if pages[first][0] < one[0] <= phase["end"] + WINDOW]
        generation = sum((now.generation_tokens_rate or 0.0) * dt for _, dt, now in rates)
        prompt = sum((now.prompt_tokens_rate or 0.0) * dt for _, dt, now in rates)
        over = figures(whole, Limits(gpus=1))
        assert over is not None
        local = over.prefix_cache_hits.get("local")
        found.append(
            Phase(
                phase["name"],
                phase["gen_tokens"],
                phase["prompt_tokens"],
                whole.increase("generation_tokens") or 0.0,
                whole.increase("prompt_tokens") or 0.0,
                generation,
                prompt,
                local.ratio if local else None,
                over.prompt_cached.ratio if over.prompt_cached else None,
                over.tokens_per_step.ratio if over.tokens_per_step else None,
            )
        )
    return found
