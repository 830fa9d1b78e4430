"""The words of an upgrade verdict: measures, verdicts, and the reasons why there is none.

Comparison, dashboards, documents and runbooks take them from here. How large a change must
be to matter stands in `alerts/values.yaml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Measure = Literal[
    "decode",
    "prefill",
    "inter_token_latency",
    "energy",
    "hit_ratio",
    "speculation",
]
Verdict = Literal["regression", "improvement", "equivalent", "inconclusive", "not_comparable"]
Reason = Literal["class", "servers", "coverage", "overlap", "meaning", "no_servers_beside", "work"]
Design = Literal["crossover", "difference in differences", "side by side", "before and after"]
"""How two releases stand to each other in time and place."""


@dataclass(frozen=True, slots=True)
class MeasureText:
    """How a measure is called: `title` heads a row or a panel, `short` stands inside a sentence.

    Every ratio is above 1 where the user is better off, so latencies are called by their speed.
    """

    title: str
    short: str


MEASURES: Final[Mapping[Measure, MeasureText]] = {
    "decode": MeasureText("decode speed at equal load", "decoding"),
    "prefill": MeasureText("prefill speed at equal load", "prefill"),
    "inter_token_latency": MeasureText(
        "speed between tokens at equal demand", "speed between tokens"
    ),
    "energy": MeasureText("tokens per joule at equal load", "tokens per joule"),
    "hit_ratio": MeasureText("prefix-cache hit rate", "hit rate"),
    "speculation": MeasureText("speculative acceptance", "speculative acceptance"),
}
"""Every measure a verdict may be about, the most telling first."""

VERDICTS: Final[Mapping[Verdict, str]] = {
    "regression": "regression",
    "improvement": "improvement",
    "equivalent": "equivalent",
    "inconclusive": "inconclusive",
    "not_comparable": "not comparable",
}
"""Every verdict, as a series' label and as people read it."""

NEXT_STEPS: Final[Mapping[Verdict, str]] = {
    "regression": "Stop the rollout and go back, unless what the release brings is worth the loss.",
    "improvement": "Roll on.",
    "equivalent": "Roll on: a loss as large as the margin is ruled out.",
    "inconclusive": "Leave both releases running, and ask again with more servers or hours.",
    "not_comparable": "Mend what keeps the two from being compared, and ask again.",
}
"""What to do on a verdict, in a sentence."""

REASONS: Final[Mapping[Reason, str]] = {
    "class": "the servers' class changed with the release (model, GPU, parallelism, precision or "
    "front end): compare servers of one class",
    "servers": "too few servers: upgrade more, or wait",
    "coverage": "the releases ran at other loads: send them the same traffic",
    "overlap": "too little time in which both ran after their warm-up: wait",
    "meaning": "the numbers changed their meaning between the releases",
    "no_servers_beside": "no server runs the baseline any more: put two back on it, or wait for a "
    "day of each release on the same servers",
    "work": "too little work of this kind: wait for more traffic",
}
"""Why there is no verdict, and what to do about it."""
