"""The upgrade step by step: what to mend, how large a canary for how long, and which gate. Pure."""

import shlex
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict

from ..base.yaml_text import parse_yaml
from .corrections import corrections
from .review import Review

_LEAST_SERVERS: Final = 2
"""What `compare` takes on each side; with fewer it describes and does not judge."""
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
    """One step: a sentence, and the command that does it, empty where there is none."""

    text: str
    command: str = ""


@cache
def gate_hours() -> tuple[GateHours, ...]:
    """Return how long `compare --wait` takes, as `python -m scripts.gate_table` measured."""
    document = parse_yaml(files(__package__).joinpath("gate_hours.yaml").read_text("utf-8"))
    assert isinstance(document, list)
    return tuple(GateHours.model_validate(row) for row in document)


def steps(review: Review, servers: int | None, prometheus: str) -> tuple[Step, ...]:
    """Return the steps of an upgrade; `servers` is how many there are, None where unknown."""
    return (*_mends(review), _canary(servers), *_judging(review, prometheus))


def _mends(review: Review) -> tuple[Step, ...]:
    files_with = corrections(review.findings)
    errors = sum(group.first.severity == "error" for group in review.groups)
    if not errors:
        return ()
    if files_with:
        count = sum(len(names) for names in files_with.values())
        names = f"{count} name{'s' * (count != 1)} in {len(files_with)} "
        text = f"Correct {names}file{'s' * (len(files_with) != 1)} by --fix, and the rest by hand"
    else:
        text = "Mend what breaks, by hand"
    return (Step(text),)


def _canary(servers: int | None) -> Step:
    if servers is not None and servers < 2 * _LEAST_SERVERS:
        return Step(
            f"Upgrade; {servers} server{'s' * (servers != 1)} cannot be judged side by side, which "
            f"takes {_LEAST_SERVERS} of each release: compare the day before with the day after"
        )
    half = "half of the servers" if servers is None else f"{servers // 2} of {servers} servers"
    return Step(
        f"Upgrade {half}, never fewer than {_LEAST_SERVERS}, and leave as many on the old release"
    )


def _judging(review: Review, prometheus: str) -> tuple[Step, ...]:
    upgrade = review.upgrade
    hours = "; ".join(
        f"{each.rollout} {each.median:g} h ({each.least:g} to {each.most:g})"
        for each in gate_hours()
    )
    sides = [f'release="{version}"' for version in (upgrade.old, upgrade.new)]
    command = ["inferfleet", "compare", "--prometheus", prometheus]
    command += ["--baseline", sides[0], "--candidate", sides[1], "--wait", "8h"]
    command += ["--fail-on", "regression"]
    return (
        Step(
            f"Wait for the verdict, once they have traffic; simulated, 4 of 8 servers: {hours}",
            shlex.join(command),
        ),
        Step(f"Or let a gate of {GUIDE} do it (Argo Rollouts, Flagger, a Job), then roll on"),
    )
