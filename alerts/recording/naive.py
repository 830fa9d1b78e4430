"""The ratios people look at first, to show beside the matched ones: they follow demand."""

from collections.abc import Mapping
from typing import Final, Literal

from exporter.vocabulary.verdict import Measure

from ..model import Record
from .baseline import BASELINE, while_newest, with_baseline
from .cells import RATE
from .settings import Settings

RATIO: Final = "release:inferfleet_naive:ratio"
_NOW: Final = "release:inferfleet_naive_{}:now"
_KEPT: Final = "release:inferfleet_naive_{}:kept"
_POWERS: Final[Mapping[Literal["throughput"] | Measure, int]] = {
    "throughput": 1,
    "inter_token_latency": -1,
}
"""Each figure's power in candidate over baseline: above 1 is better, whatever the figure."""


def sides(settings: Settings) -> list[Record]:
    """Return tokens per second of a server, and the mean time between tokens, by release."""
    release, target = settings.labels("release"), settings.labels("release", "target")
    tokens, time = (RATE.format(name) for name in ("decode_tokens", "decode_sequence_seconds"))
    return [
        Record(
            record=_NOW.format("throughput"),
            expr=f"avg by {release} (sum by {target} ({tokens}))",
        ),
        Record(
            record=_NOW.format("inter_token_latency"),
            # an idle window's 0/0 would spoil every mean over time that holds it
            expr=f"sum by {release} ({time}) / (sum by {release} ({tokens}) > 0)",
        ),
    ]


def kept(settings: Settings) -> list[Record]:
    """Return the rules that keep a release's means while no newer one runs."""
    return [
        Record(
            record=_KEPT.format(name),
            expr=f"avg_over_time({_NOW.format(name)}[{settings.before}]) {while_newest(settings)}",
        )
        for name in _POWERS
    ]


def ratios(settings: Settings) -> list[Record]:
    """Return candidate over baseline, above 1 where it looks better."""
    release, group = settings.labels("release"), settings.labels()
    rules = []
    for name, power in _POWERS.items():
        baseline = (
            f"sum without (release) (last_over_time({_KEPT.format(name)}[{settings.keep}])"
            f" and on {release} {BASELINE})"
        )
        candidate = f"avg_over_time({_NOW.format(name)}[{settings.after}])"
        rules.append(
            Record(
                record=RATIO,
                expr=f"(({candidate} / on {group} group_left () ({baseline})) ^ {power})"
                f" {with_baseline(settings)}",
                labels={"measure": name},
            )
        )
    return rules
