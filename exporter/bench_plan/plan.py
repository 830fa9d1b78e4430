"""The plan: shape of requests, load points, runs in their order, and every command. Pure."""

from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any, Final

from ..base.errors import CompareError
from ..base.units import format_duration
from ..base.untrusted import one_line
from ..engines.load_clients.client import Call, Command, LoadClient, Shape
from ..engines.registry import ENGINES
from .lengths import Lengths
from .load_points import LoadPoint, load_points
from .runs import SIDES, order_of, run_names, runs_per_side
from .traffic import Traffic

FOLDER: Final = "runs"
"""Where recordings and results go."""

_WARM_UP_ROUNDS: Final = 2
_SLOWEST: Final = 5
"""How many times as long as planned the load of a run may take."""
_FIRST_SEED, _FIRST_WARM_UP_SEED = 1, 1001
_NOTABLE_SHARE: Final = 0.05
"""Share of saturated time, or of requests beyond a histogram's last bound, worth a note."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: shares from 0 to 1, durations in seconds, None where the fleet says it."""

    effect: float
    spread: float
    point_seconds: float
    base_url: str
    port: int
    input_tokens: int | None = None
    output_tokens: int | None = None
    tokenizer: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan. `order` has the side of each run, `names` the runs', `notes` what to know."""

    traffic: Traffic
    request: Request
    shape: Shape
    points: tuple[LoadPoint, ...]
    order: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def client(self) -> LoadClient:
        """The engine's own load client."""
        return ENGINES[self.traffic.engine].load_client

    @property
    def names(self) -> tuple[str, ...]:
        """Each run's name, in their order."""
        return run_names(self.order)

    @property
    def margin(self) -> float:
        """The margin to compare at: half of the effect, so that it costs none of the power."""
        return self.request.effect / 2.0

    @property
    def run_seconds(self) -> float:
        """About how long the measured part of one run takes."""
        return sum(point.seconds for point in self.points)

    @property
    def longest_seconds(self) -> int:
        """How long the measured part of one run may take."""
        return ceil(_SLOWEST * self.run_seconds)

    def warm_up(self, point: LoadPoint) -> Command:
        """Return the command that warms a server up for a point: other prompts of its shape."""
        few = replace(point, prompts=_WARM_UP_ROUNDS * point.concurrency)
        return self._call(few, _FIRST_WARM_UP_SEED + self.points.index(point))

    def measured(self, point: LoadPoint, result: str = "") -> Command:
        """Return the command of a point; its prompts are the same in every run."""
        return self._call(point, _FIRST_SEED + self.points.index(point), result)

    def _call(self, point: LoadPoint, seed: int, result: str = "") -> Command:
        url = self.request.base_url
        call = Call(url, point.prompts, point.concurrency, seed, result)
        return self.client.command(self.shape, call)

    def result(self, run: str, point: LoadPoint) -> str:
        """Return the file of what the client measures at a point of a run."""
        return f"{FOLDER}/{run}-{point.name}.json"

    def record(self, run: str) -> Command:
        """Return the command that records a run, until the client's results have come."""
        return (
            *("inferfleet", "record", self.request.base_url, "--out", f"{FOLDER}/{run}.tar.xz"),
            *("--for", f"{self.longest_seconds}s"),
            *(
                word
                for point in self.points
                for word in ("--client-result", self.result(run, point))
            ),
        )

    def compare(self) -> Command:
        """Return the command that judges the runs."""
        words = ["inferfleet", "compare"]
        for side in SIDES:
            words.append(f"--{side}-recording")
            words += [f"{FOLDER}/{name}.tar.xz" for name in self.names if name.endswith(side)]
        return (*words, "--margin", f"{100 * self.margin:g}%")

    def document(self) -> dict[str, Any]:
        """Return the plan as a JSON document."""
        return {
            "traffic": asdict(self.traffic),
            "request": asdict(self.request),
            "shape": asdict(self.shape),
            "points": [
                {
                    **asdict(point),
                    "warm_up_command": self.warm_up(point),
                    "command": self.measured(point),
                }
                for point in self.points
            ],
            "runs_per_side": self.order.count(SIDES[0]),
            "runs": [
                {"name": name, "side": side}
                for name, side in zip(self.names, self.order, strict=True)
            ],
            "compare_command": self.compare(),
            "notes": self.notes,
        }


def plan_of(traffic: Traffic, request: Request) -> Plan:
    """Return the plan for a fleet's traffic; raise `CompareError` naming what is not known."""
    engine = ENGINES.get(traffic.engine)
    if engine is None:
        raise CompareError(
            f"--model: {one_line(traffic.model)} runs on {one_line(traffic.engine)}, whose load "
            f"client is not known; there are plans for {' and '.join(ENGINES)}"
        )
    if not traffic.model.isprintable():
        raise CompareError(
            f"--model: {one_line(traffic.model)} holds what no command can; choose another model"
        )
    prompt_tokens, prompt_spread = _length(traffic.prompt, request.input_tokens, "--input-tokens")
    output_tokens, output_spread = _length(traffic.output, request.output_tokens, "--output-tokens")
    shared = traffic.shared_share or 0.0
    shape = Shape(
        model=traffic.model,
        tokenizer=request.tokenizer,
        prompt_tokens=prompt_tokens,
        prompt_spread=prompt_spread,
        output_tokens=output_tokens,
        output_spread=output_spread,
        # a prompt without a token of its own is none that clients make
        prefix_tokens=min(round(shared * prompt_tokens), prompt_tokens - 1),
    )
    points = load_points(traffic.cells, output_tokens, request.point_seconds)
    if not points:
        raise CompareError(
            f"--window: no load cell of {traffic.model} has decoded tokens in this time; the first "
            "minutes after a start are in none, so ask again later or for a longer --window"
        )
    order = order_of(runs_per_side(request.effect, request.spread))
    notes = (*_notes(traffic, points), *engine.load_client.notes(shape))
    return Plan(traffic, request, shape, points, order, notes)


def _length(lengths: Lengths | None, override: int | None, option: str) -> tuple[int, float]:
    """Return mean tokens and relative spread; a length that is given has no spread."""
    if override is not None:
        return override, 0.0
    if lengths is None or lengths.mean < 0.5:
        raise CompareError(
            f"{option}: the fleet's series do not say how long requests are; give the mean"
        )
    return max(round(lengths.mean), 1), (lengths.stddev or 0.0) / lengths.mean


def _notes(traffic: Traffic, points: tuple[LoadPoint, ...]) -> list[str]:
    notes = []
    if len(traffic.releases) > 1:
        notes.append(f"the traffic is that of several releases: {', '.join(traffic.releases)}")
    if traffic.shared_share is None:
        notes.append("the share of prompts that caches hold is not known: all prompts differ")
    elif traffic.cached_share is None:
        notes.append(
            "the share of prompts that caches hold is not known; the hit ratio of lookups stands "
            "for it"
        )
    if any(cell.first_token_seconds is None for cell in traffic.cells):
        notes.append(
            "the time to first token is not known: requests before their first token are not in "
            "the concurrency, and the decode batch will be smaller than the fleet's"
        )
    for what, lengths in (("prompts", traffic.prompt), ("outputs", traffic.output)):
        if lengths is not None and lengths.beyond_share > _NOTABLE_SHARE:
            notes.append(
                f"{lengths.beyond_share:.0%} of {what} are longer than the histogram's last bound: "
                "their spread is larger than shown"
            )
    if traffic.saturated_share and traffic.saturated_share > _NOTABLE_SHARE:
        notes.append(
            f"requests waited for room {traffic.saturated_share:.0%} of the time: the busy point "
            "holds as many as the fleet had in flight, and a faster side gets no more of them"
        )
    if traffic.accepted_share is not None:
        notes.append(
            f"the fleet speculates, and accepts {traffic.accepted_share:.0%} of its drafts: drafts "
            "for random prompts are accepted otherwise, so that this load says little of "
            "speculation; send your own requests for that"
        )
    longest = max(points, key=lambda point: point.seconds)
    shortest = min(points, key=lambda point: point.seconds)
    if longest.seconds > 2 * shortest.seconds:
        notes.append(
            f"the point {longest.name} takes {format_duration(longest.seconds)}, for "
            f"{longest.prompts} requests of the mean length"
        )
    return notes
