"""What happens to a simulated fleet: the upgrade, and what else changes beside it.

Sizes of noise and confounders are assumptions, chosen around what operators report.
"""

from dataclasses import dataclass
from typing import Final, Literal

Part = Literal["all", "decode", "prefill", "range"]


@dataclass(frozen=True)
class Scenario:
    """What happens beside the upgrade. Shares are relative changes that begin with it.

    `rate` is requests a second and server, `start_hour` the hour of the day when the upgrade
    begins, `neighbours` how many episodes of noise an hour come in addition (negative: none at
    all), `rollback` seconds from a server's upgrade to its return, 0 for never.
    """

    demand: float = 0.0
    mix: float = 0.0
    output: float = 0.0
    prefix: float = 0.0
    neighbours: float = 0.0
    hidden: float = 0.0
    diurnal: float = 0.45
    start_hour: float = 10.0
    rate: float = 4.6
    rehosted: bool = False
    bimodal: float = 0.0
    bad_node: float = 0.0
    rollback: float = 0.0
    host_sd: float = 0.015
    wander_sd: float = 0.015
    common_sd: float = 0.004


SCENARIOS: Final = {
    "none": Scenario(),
    "demand +25 %": Scenario(demand=0.25),
    "demand -25 %": Scenario(demand=-0.25),
    "longer prompts": Scenario(mix=1.0),
    "outputs +50 %": Scenario(output=0.5),
    "fewer cache hits": Scenario(prefix=0.4),
    "steep day": Scenario(diurnal=0.7, start_hour=6.0),
    "low traffic": Scenario(rate=0.7),
    "noisy neighbours": Scenario(neighbours=0.25),
    "hosts changed": Scenario(rehosted=True),
    "bimodal spawns": Scenario(bimodal=0.2),
    "one bad node": Scenario(bad_node=0.3),
    "hidden cost": Scenario(mix=1.0, hidden=0.05),
    "other GPUs added": Scenario(),
    "rolled back": Scenario(rollback=10800.0),
    "all at once": Scenario(mix=1.0, demand=0.25, neighbours=0.25),
}
"""Every confounder that the upgrade verdicts are tried on, by its name in the tables."""


@dataclass(frozen=True)
class Upgrade:
    """Which servers get the candidate, and what it truly does to speed.

    `effect` is the change of speed: -0.1 makes the touched part of a step 1/0.9 as long. `part`
    names what it touches: all, decode, prefill, or steps of more than 32 sequences (range).
    `roll` is the seconds from the first server's upgrade to the last one's.
    """

    effect: float = 0.0
    part: Part = "all"
    share: float = 1.0
    hours_before: float = 24.0
    hours_after: float = 7.0
    roll: float = 3600.0
