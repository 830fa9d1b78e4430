"""The plan as text for people. Pure."""

import shlex
from collections.abc import Iterator

from ..base.units import format_duration, format_utc
from ..base.untrusted import one_line
from ..compare.assess.verdict import POWER
from ..engines.load_clients.client import Command
from .lengths import Lengths
from .plan import Plan
from .runs import SIDES
from .traffic import Traffic, quantile


def text(plan: Plan) -> str:
    """Return the whole plan; what is unknown is said."""
    return "\n".join([*_traffic(plan.traffic), "", *_plan(plan), "", *_notes(plan)]) + "\n"


def shell_line(command: Command) -> str:
    """Return a command as a shell reads it."""
    return shlex.join(command)


def _traffic(traffic: Traffic) -> Iterator[str]:
    releases = ", ".join(map(one_line, traffic.releases)) or "unknown"
    servers = f"{traffic.servers} server{'s' * (traffic.servers != 1)}"
    yield (
        f"{one_line(traffic.model)} on {one_line(traffic.gpu_model) or 'unknown GPUs'}, "
        f"{traffic.engine} {releases}, {servers}"
    )
    yield ""
    yield "The traffic, of one engine"
    yield _row("prompt", _length(traffic.prompt))
    yield _row("output", _length(traffic.output))
    batches = [hour.decode_batch for hour in traffic.hours]
    yield _row("decode batch by hour", _by_hour(batches, traffic, "sequences"))
    rates = [
        hour.requests_per_second for hour in traffic.hours if hour.requests_per_second is not None
    ]
    yield _row("requests by hour", _by_hour(rates, traffic, "a second"))
    busiest = traffic.busiest
    yield _row(
        "busiest hour",
        f"{busiest.decode_batch:.3g} sequences, up to {format_utc(busiest.end)}"
        if busiest
        else "unknown",
    )
    yield _row("prompts from caches", _share(traffic.cached_share))
    yield _row("prefix-cache hits", _share(traffic.hit_ratio))
    yield _row("saturated", _share(traffic.saturated_share, " of the time"))
    yield _row("drafts accepted", _share(traffic.accepted_share, none="unknown, or no speculation"))


def _row(name: str, value: str) -> str:
    return f"  {name:<24}{value}"


def _share(share: float | None, of: str = "", none: str = "unknown") -> str:
    return none if share is None else f"{share:.1%}{of}"


def _length(lengths: Lengths | None) -> str:
    if lengths is None:
        return "unknown"
    parts = [f"mean {lengths.mean:.0f} tokens"]
    if lengths.stddev is not None:
        parts.append(f"standard deviation {lengths.stddev:.0f}")
    for name, value in (("median", lengths.median), ("p90", lengths.p90)):
        if value is not None:
            parts.append(f"{name} {value:.0f}")
    return f"{', '.join(parts)} ({lengths.requests:.0f} requests)"


def _by_hour(values: list[float], traffic: Traffic, unit: str) -> str:
    median, p90 = quantile(values, 0.5), quantile(values, 0.9)
    if median is None or p90 is None:
        return "unknown"
    length = format_duration(traffic.hour_seconds)
    windows = f"{len(values)} window{'s' * (len(values) != 1)} of {length}"
    return f"median {median:.3g}, p90 {p90:.3g} {unit} ({windows})"


def _plan(plan: Plan) -> Iterator[str]:
    runs, request = len(plan.order) // 2, plan.request
    whole = len(plan.order) * plan.run_seconds
    letters = dict(zip(SIDES, "AB", strict=True))
    order = " ".join(letters[side] for side in plan.order)
    meaning = ", ".join(f"{letter} {side}" for side, letter in letters.items())
    yield f"The plan: {runs} runs a side, in the order {order} ({meaning})"
    yield _row("finds", f"{request.effect:.1%} of speed in {POWER:.0%} of cases, at a level of 5%")
    yield _row("if runs spread by", f"{request.spread:.1%} (standard deviation, one set-up)")
    yield _row("takes", f"{format_duration(whole)} of load, beside starts and warm-up")
    yield _row("client, for both sides", f"{plan.client.program} of {plan.client.since} or later")
    yield ""
    for point in plan.points:
        yield _row(
            point.name,
            f"{point.concurrency} requests at a time (decode batch {point.decode_batch:.3g}), "
            f"{point.prompts} in all, about {format_duration(point.seconds)}",
        )
    yield ""
    yield f"For each run {', '.join(plan.names)}:"
    yield ""
    yield "  1. Start the server of its side, and wait until it is healthy."
    yield "  2. Warm it up, each shape:"
    for point in plan.points:
        yield f"       {shell_line(plan.warm_up(point))}"
    yield "  3. Record it while it is loaded:"
    yield f"       {shell_line(plan.record(plan.names[0]))} &"
    for point in plan.points:
        result = plan.result(plan.names[0], point)
        yield f"       {shell_line(plan.measured(point, result))}"
    yield "  4. Stop the server."
    yield ""
    yield "Then:"
    yield ""
    yield f"       {shell_line(plan.compare())}"


def _notes(plan: Plan) -> Iterator[str]:
    if plan.notes:
        yield "To know:"
        yield from (f"  - {one_line(note, len(note))}" for note in plan.notes)
