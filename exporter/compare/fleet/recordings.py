"""Recordings as a fleet: each is a run, counted in windows by the exporter's own meter.

The runs are laid over each other at their first page. A name of a bundled recording will do for a
path.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from ...base.errors import CompareError
from ...base.untrusted import one_line
from ...replay.recording import Recording, find_recording, load_recording
from .phases import Phase, phases_of
from .recorded_server import RecordedServer, read_server
from .windows import QUANTITIES, Fleet, Lookups, Windows, parse_batch

WIDTH: Final = 4.0
OPTIONS: Final = "--baseline-recording", "--candidate-recording"
"""The options that name the runs of each side."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFleet:
    """Runs as the servers of a fleet, those of the baseline first.

    `candidate` holds of each run whether it is the candidate's, `phases` its load phases and
    `spans` the Unix times of its first and last page; `names` are those of the two sides, which are
    their servers' releases.
    """

    fleet: Fleet
    names: tuple[str, str]
    candidate: tuple[bool, ...]
    phases: tuple[tuple[Phase, ...], ...]
    spans: tuple[tuple[float, float], ...]


def read_recordings(
    baseline: Sequence[str], candidate: Sequence[str], width: float = WIDTH
) -> RecordedFleet:
    """Return the runs of both sides as a fleet; raise `InferfleetError` naming a fault.

    The sides are paths or names of recordings, `width` the length of a window in seconds.
    """
    sides = baseline, candidate
    for option, side in zip(OPTIONS, sides, strict=True):
        if not side:
            raise CompareError(f"{option}: no run is given; name one or more")
    texts = [*baseline, *candidate]
    options = [OPTIONS[0]] * len(baseline) + [OPTIONS[1]] * len(candidate)
    paths = [find_recording(text) for text in texts]
    _refuse_repeats(options, texts, [path.resolve() for path in paths])
    recordings = [load_recording(path) for path in paths]
    _refuse_copies(options, texts, recordings)
    servers = [read_server(recording, width) for recording in recordings]
    for option, text, server in zip(options, texts, servers, strict=True):
        if not server.cells:
            raise CompareError(f"{option}: {text} holds no work; leave it out")
    _refuse_mixtures(texts, servers)
    runs = _run_names(texts, recordings)
    names = _side_names(runs[: len(baseline)], runs[len(baseline) :])
    of_candidate = tuple(option == OPTIONS[1] for option in options)
    servers = [
        _named(server, run, names[is_candidate])
        for server, run, is_candidate in zip(servers, runs, of_candidate, strict=True)
    ]
    fleet = Fleet(
        _windows(servers, width),
        tuple(server.facts for server in servers),
        _lookups(servers),
        short=True,
        source=f"recordings {', '.join(runs)}",
    )
    return RecordedFleet(
        fleet,
        names,
        of_candidate,
        tuple(phases_of(recording) for recording in recordings),
        tuple((recording.pages[0].time, recording.pages[-1].time) for recording in recordings),
    )


def _refuse_repeats(options: list[str], texts: list[str], paths: list[Path]) -> None:
    for (i, path), (j, other) in combinations(enumerate(paths), 2):
        if path == other and options[i] == options[j]:
            raise CompareError(f"{options[j]}: {texts[j]} is given twice; a run counts once")
        if path == other:
            raise CompareError(
                f"{options[j]}: {texts[j]} is on the baseline's side as well; a run is on one side"
            )


def _refuse_copies(options: list[str], texts: list[str], recordings: list[Recording]) -> None:
    for (i, recording), (j, other) in combinations(enumerate(recordings), 2):
        if recording.pages == other.pages:
            raise CompareError(
                f"{options[j]}: {texts[j]} is a copy of {texts[i]}; a run counts once, so leave "
                "one out"
            )


def _refuse_mixtures(texts: list[str], servers: list[RecordedServer]) -> None:
    """Refuse runs of several models or types of GPU: no verdict could be about all of them."""
    kinds = [(server.key.model, server.key.gpu_model) for server in servers]
    for text, kind in zip(texts, kinds, strict=True):
        if kind != kinds[0]:
            a, b = (f"{model} on {gpu or 'no known GPU'}" for model, gpu in (kinds[0], kind))
            raise CompareError(
                f"{' and '.join(OPTIONS)}: {texts[0]} is a run of {one_line(a)}, {text} one of "
                f"{one_line(b)}; give runs of one model on one type of GPU"
            )


def _run_names(texts: list[str], recordings: list[Recording]) -> list[str]:
    """Return the recordings' own names, and where several share one what was typed instead."""
    count = Counter(recording.name for recording in recordings)
    return [
        recording.name if count[recording.name] == 1 else text
        for text, recording in zip(texts, recordings, strict=True)
    ]


def _side_names(baseline: list[str], candidate: list[str]) -> tuple[str, str]:
    """Return what the names of a side's runs begin with, or which side it is."""
    old, new = _common_name(baseline), _common_name(candidate)
    return (old, new) if old and new and old != new else ("baseline", "candidate")


def _common_name(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    columns = enumerate(zip(*names, strict=False))
    differing = (position for position, characters in columns if len(set(characters)) > 1)
    common = names[0][: next(differing, min(map(len, names)))]
    # half a number or a word is no name: run-10 and run-11 begin with run, not with run-1
    while common and common[-1].isalnum() and any(n[len(common) :][:1].isalnum() for n in names):
        common = common[:-1]
    return common.rstrip("-_./ ")


def _named(server: RecordedServer, run: str, side: str) -> RecordedServer:
    """Return a server as a run of a side: the run is its target, the side its release."""
    facts = replace(server.facts, labels={**server.facts.labels, "release": side})
    return replace(server, key=replace(server.key, target=run, release=side), facts=facts)


def _windows(servers: Sequence[RecordedServer], width: float) -> Windows:
    rows = [(i, cell) for i, server in enumerate(servers) for cell in server.cells]
    return Windows(
        tuple(server.key for server in servers),
        np.array([i for i, _ in rows], dtype=np.int64),
        np.array([cell.time for _, cell in rows]),
        np.array([parse_batch(cell.batch) for _, cell in rows]),
        width,
        {
            quantity: np.array([cell.sums.get(quantity, np.nan) for _, cell in rows])
            for quantity in QUANTITIES
            if any(quantity in cell.sums for _, cell in rows)
        },
    )


def _lookups(servers: Sequence[RecordedServer]) -> Lookups | None:
    rows = [(i, lookup) for i, server in enumerate(servers) for lookup in server.lookups]
    if not rows:
        return None
    return Lookups(
        np.array([i for i, _ in rows], dtype=np.int64),
        np.array([lookup.time for _, lookup in rows]),
        np.array([lookup.queried for _, lookup in rows]),
        np.array([lookup.hit for _, lookup in rows]),
    )
