"""What a fleet's own past says of an upgrade's verdict: its servers, and hours by rollout. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours from a candidate's traffic to a verdict, over `tried` upgrades.

    `decided` counts those that have it in time; `median` is over all, None where it is of those
    that have not; `least` and `most` are over those that have, None where none has.
    """

    median: float | None
    least: float | None
    most: float | None
    decided: int
    tried: int


@dataclass(frozen=True, slots=True)
class RolloutHours:
    """A way to roll out, how many servers get the release, and the hours of either verdict.

    `wrong_calls` counts the upgrades in which a change was called where there was none.
    """

    title: str
    upgraded: int
    is_canary: bool
    loss: Hours
    no_change: Hours
    wrong_calls: int


@dataclass(frozen=True, slots=True)
class LiveFleet:
    """A fleet as it runs: one model on one kind of GPU, of one release.

    `gpus` is None where unknown; `past_seconds` is how much of its past was read, and
    `tokens_per_second` what it generated over it. `effect` is the loss that is to be found, and
    `margin` the change that counts, both relative. `cluster` are the external labels that set it
    apart from other clusters, with their values; `remarks` are what is to be known of it.
    """

    engine: str
    release: str
    model: str
    gpu_model: str
    servers: int
    gpus: int | None
    tokens_per_second: float
    past_seconds: float
    effect: float
    margin: float
    cluster: tuple[tuple[str, str], ...]
    rollouts: tuple[RolloutHours, ...]
    remarks: tuple[str, ...] = ()

    @property
    def canary(self) -> RolloutHours | None:
        """The smallest canary that finds the loss every time, else half; None without any.

        One that shows no change too is taken before one that does not.
        """
        canaries = [each for each in self.rollouts if each.is_canary]
        found = [each for each in canaries if each.loss.decided == each.loss.tried]
        shown = [each for each in found if each.no_change.median is not None]
        return next(iter([*shown, *canaries[-1:]]), None)
