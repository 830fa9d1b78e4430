"""The ratios people look at first, to show beside the matched ones: they follow demand."""

from collections.abc import Mapping
from typing import Final, Literal

from exporter.vocabulary.verdict import Measure

from ..model import Record
from .baseline import BASELINE, CANDIDATE, FIRST_SEEN, SUPERSEDED
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
    release, target = settings.group("release"), settings.group("release", "target")
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
    who = settings.group("release")
    held = f"and on {who} {FIRST_SEEN} unless on {who} {SUPERSEDED}"
    return [
        Record(
            record=_KEPT.format(name),
            expr=f"avg_over_time({_NOW.format(name)}[{settings.before}]) {held}",
        )
        for name in _POWERS
    ]


def ratios(settings: Settings) -> list[Record]:
    """Return candidate over baseline, above 1 where it looks better."""
    release, group = settings.group("release"), settings.group()
    named = f"* on {release} group_left (baseline) {CANDIDATE}"
    found = []
    for name, power in _POWERS.items():
        old = (
            f"sum without (release) (last_over_time({_KEPT.format(name)}[{settings.keep}])"
            f" and on {release} {BASELINE})"
        )
        now = f"avg_over_time({_NOW.format(name)}[{settings.after}])"
        found.append(
            Record(
                record=RATIO,
                expr=f"(({now} / on {group} group_left () ({old})) ^ {power}) {named}",
                labels={"measure": name},
            )
        )
    return found
