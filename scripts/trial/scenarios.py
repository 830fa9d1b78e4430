"""What happens to a fleet beside its upgrade, and what the upgrade truly does."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from .profile import Factors, Model

Side = Literal["fleet", "candidate"]
Part = Literal["whole", "decode", "prefill", "attention", "wide", "start", "acceptance"]


@dataclass(frozen=True)
class Traffic:
    """How the requests differ from plain ones: factors, and by how much each class's share moves.

    `shares` are added to the logarithms of the shares of `traffic.CLASSES`.
    """

    demand: float = 1.0
    prompt: float = 1.0
    output: float = 1.0
    hits: float = 1.0
    shares: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Scenario:
    """A fleet and what else changes with the upgrade.

    `change` befalls `side` from the upgrade on: the whole fleet, or those that run the candidate.
    `rate` is requests a second and server at noon's mean; `machines` the standard deviation of
    machines' log speed; `slow_machines` by how much a quarter of the machines is slower, or of the
    starts where `by_start`. `neighbours` are episodes a night of each machine. `rehosted`: each
    start gets another machine; `rerouted`: another share of the traffic. `hot` degrees of ambient
    air; `cold_cache` how many times the requests fill the cache; `sticky` the standard deviation
    of servers' own log shares of the classes; `jobs` is requests of a batch job an hour and server.
    """

    model: Model = "dense"
    change: Traffic = field(default_factory=Traffic)
    side: Side = "fleet"
    rate: float = 3.3
    start_hour: float = 10.0
    machines: float = 0.015
    slow_machines: float = 0.0
    by_start: bool = False
    neighbours: float = 0.0
    rehosted: bool = False
    rerouted: bool = False
    hot: float = 0.0
    cold_cache: float = 1.0
    slow_start: float = 1.0
    sticky: float = 0.05
    jobs: float = 0.0


@dataclass(frozen=True)
class Effect:
    """What the candidate does to the speed of a part: -0.1 makes it 1/0.9 as long.

    Of acceptance it is the change of the chance that a drafted token is accepted.
    """

    size: float = 0.0
    part: Part = "whole"

    @property
    def factors(self) -> Factors:
        """The engine's factors on time."""
        longer = 1.0 / (1.0 + self.size)
        fields: dict[Part, str] = {
            "whole": "whole",
            "decode": "decode",
            "prefill": "prefill",
            "attention": "attention",
            "wide": "wide",
            "start": "compile",
        }
        if self.part == "acceptance":
            return Factors()
        return Factors(**{fields[self.part]: longer})

    @property
    def acceptance(self) -> float:
        """The factor on the chance that a drafted token is accepted."""
        return 1.0 + self.size if self.part == "acceptance" else 1.0


@dataclass(frozen=True)
class Case:
    """A row of the tables: a scenario and a true effect."""

    scenario: Scenario
    effect: Effect = field(default_factory=Effect)


_MOE = Scenario(model="moe", rate=2.4)
_SPECULATING = Scenario(model="speculating", rate=4.0)
_LONGER = Traffic(output=1.5)
_AGENTS = Traffic(shares=(-0.8, 0.0, -0.4, 1.0))

WITHOUT_EFFECT: Final[dict[str, Case]] = {
    name: Case(scenario)
    for name, scenario in {
        "plain": Scenario(),
        "demand +25 %": Scenario(change=Traffic(demand=1.25)),
        "demand -25 %": Scenario(change=Traffic(demand=0.75)),
        "longer prompts": Scenario(change=Traffic(prompt=1.4), side="candidate"),
        "longer outputs": Scenario(change=_LONGER, side="candidate"),
        "fewer cache hits": Scenario(change=Traffic(hits=0.5)),
        "speculation, plain": _SPECULATING,
        "speculation, longer outputs": replace(_SPECULATING, change=_LONGER, side="candidate"),
        "speculation, other classes": replace(_SPECULATING, change=_AGENTS, side="candidate"),
        "MoE, plain": _MOE,
        "MoE, longer outputs": replace(_MOE, change=_LONGER, side="candidate"),
        "noisy nights": Scenario(neighbours=3.0, start_hour=20.0),
        "hosts changed": Scenario(rehosted=True),
        "routing changed": Scenario(rerouted=True),
        "canary gets other classes": Scenario(change=_AGENTS, side="candidate"),
        "hot aisle": Scenario(hot=22.0),
        "cold start": Scenario(cold_cache=12.0, slow_start=6.0),
        "low traffic": Scenario(rate=0.35),
        "two kinds of machine": Scenario(slow_machines=0.06),
        # of our own invention
        "starts fast or slow": Scenario(slow_machines=0.05, by_start=True),
        "sticky sessions": Scenario(sticky=0.6),
        "hourly batch jobs": Scenario(jobs=500.0),
    }.items()
}
"""Nothing true changes in speed: a call is wrong."""

WITH_EFFECT: Final[dict[str, Case]] = {
    "-3 %": Case(Scenario(), Effect(-0.03)),
    "-5 %": Case(Scenario(), Effect(-0.05)),
    "-10 %": Case(Scenario(), Effect(-0.10)),
    "+5 %": Case(Scenario(), Effect(0.05)),
    "+56 %": Case(Scenario(), Effect(0.56)),
    "MoE -5 %": Case(_MOE, Effect(-0.05)),
    "MoE -10 %": Case(_MOE, Effect(-0.10)),
    "MoE +56 %": Case(_MOE, Effect(0.56)),
    "speculation -5 %": Case(_SPECULATING, Effect(-0.05)),
    "speculation -10 %": Case(_SPECULATING, Effect(-0.10)),
    "speculation +56 %": Case(_SPECULATING, Effect(0.56)),
    "acceptance -15 %": Case(_SPECULATING, Effect(-0.15, "acceptance")),
    "-20 % above batch 64": Case(Scenario(rate=4.0), Effect(-0.20, "wide")),
    "prefill -10 %": Case(Scenario(), Effect(-0.10, "prefill")),
    "prefill -20 %": Case(Scenario(), Effect(-0.20, "prefill")),
    "decode -10 %": Case(Scenario(), Effect(-0.10, "decode")),
    "attention -30 %": Case(Scenario(), Effect(-0.30, "attention")),
    "start only -80 %": Case(Scenario(), Effect(-0.80, "start")),
    "-5 %, demand +25 %": Case(Scenario(change=Traffic(demand=1.25)), Effect(-0.05)),
    "-5 %, longer outputs": Case(Scenario(change=_LONGER, side="candidate"), Effect(-0.05)),
    "-5 %, noisy nights": Case(Scenario(neighbours=3.0, start_hour=20.0), Effect(-0.05)),
    "-5 %, hosts changed": Case(Scenario(rehosted=True), Effect(-0.05)),
}
"""What the upgrade truly does, and where else something changes beside it."""

CASES: Final = {**WITHOUT_EFFECT, **WITH_EFFECT}
