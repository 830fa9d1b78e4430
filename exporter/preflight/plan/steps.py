"""The upgrade step by step: what to mend, how large a canary for how long, and which gate. Pure."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict

from ...base.yaml_text import parse_yaml
from ..corrections import corrections
from ..review import Review
from .fleet import Hours, LiveFleet, RolloutHours
from .gates import GATES, Gate, gate_manifest
from .selection import WAIT, Selection

_LEAST_SIDE: Final = 2
"""Servers that `compare` takes on each side; with fewer it describes and does not judge."""
LEAST_SERVERS: Final = 2 * _LEAST_SIDE
"""Servers of which both releases can run side by side."""
GUIDE: Final = "docs/deploy.md"


class GateHours(BaseModel):
    """Hours from a canary's traffic to a decision on simulated rollouts: median, least, most."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rollout: str
    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a sentence, the command that does it and the manifest for it, empty if none."""

    text: str
    command: str = ""
    manifest: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, the fleet they are for where it was read, and what is to be known of it."""

    steps: tuple[Step, ...]
    live: LiveFleet | None = None
    remarks: tuple[str, ...] = ()


@cache
def gate_hours() -> tuple[GateHours, ...]:
    """Return how long `compare --wait` takes, as `python -m scripts.gate_table` measured."""
    document = parse_yaml(files(__package__).joinpath("gate_hours.yaml").read_text("utf-8"))
    assert isinstance(document, list)
    return tuple(GateHours.model_validate(row) for row in document)


def steps(
    review: Review,
    servers: int | None,
    selection: Selection,
    live: LiveFleet | None = None,
    gate: Gate | None = None,
) -> tuple[Step, ...]:
    """Return the steps of an upgrade; `servers` is how many there are, None where unknown.

    `live` is what the fleet's own past says, None where it was not read; with `gate` the last step
    has it filled in.
    """
    canary = None if live is None else live.canary
    return (
        *_mends(review),
        _canary(servers) if canary is None or live is None else _measured_canary(live, canary),
        _waiting(selection, is_measured=live is not None and bool(live.rollouts)),
        _gate(selection, gate),
    )


def _mends(review: Review) -> tuple[Step, ...]:
    errors = [finding for finding in review.findings if finding.severity == "error"]
    if not errors:
        return ()
    files_with = corrections(review.findings)
    if not files_with:
        return (Step("Mend what breaks, by hand"),)
    count = sum(map(len, files_with.values()))
    faults = f"{count} fault{'s' * (count != 1)} in {len(files_with)} "
    text = f"Correct {faults}file{'s' * (len(files_with) != 1)} by --fix"
    if all(finding.replacement or finding.edit for finding in errors):
        return (Step(text),)
    return (Step(f"{text}, and the rest by hand"),)


def _canary(servers: int | None) -> Step:
    if servers is not None and servers < LEAST_SERVERS:
        return Step(
            f"Upgrade; {servers} server{'s' * (servers != 1)} cannot be judged side by side, which "
            f"takes {_LEAST_SIDE} of each release: compare the day before with the day after"
        )
    half = "half of the servers" if servers is None else f"{servers // 2} of {servers} servers"
    return Step(
        f"Upgrade {half}, never fewer than {_LEAST_SIDE}, and leave as many on the old release"
    )


def _measured_canary(live: LiveFleet, canary: RolloutHours) -> Step:
    return Step(
        f"Upgrade {canary.upgraded} of {live.servers} servers: on the fleet's own traffic a loss "
        f"of {100 * live.effect:.3g} % is found {_after(canary.loss)}, and no change is shown "
        f"{_after(canary.no_change)}"
    )


def _after(hours: Hours) -> str:
    if hours.median is None:
        return f"within {WAIT} in {hours.decided or 'none'} of {hours.tried} cases"
    return f"after {hours.median:.2g} h"


def _waiting(selection: Selection, is_measured: bool) -> Step:
    text = "Wait for the verdict, once they have traffic"
    if not is_measured and selection.side_by_side:
        hours = "; ".join(
            f"{each.rollout} {each.median:g} h ({each.least:g} to {each.most:g})"
            for each in gate_hours()
        )
        text += f"; simulated, 4 of 8 servers: {hours}"
    return Step(text, selection.command())


def _gate(selection: Selection, gate: Gate | None) -> Step:
    text = f"Or let a gate of {GUIDE} do it (Argo Rollouts, Flagger, a Job), then roll on"
    if gate is not None:
        return Step(text, manifest=gate_manifest(gate, selection))
    return Step(f"{text}; --gate {', '.join(GATES[:-1])} or {GATES[-1]} fills one in")
