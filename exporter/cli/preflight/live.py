"""The fleet that an upgrade is planned for, read from its Prometheus; needs numpy."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import time
from typing import Final

from rich.console import Console
from rich.progress import Progress

from alerts.values import load

from ...base.errors import CompareError
from ...base.units import format_duration, parse_duration
from ...compare.fleet.api import PrometheusApi
from ...compare.fleet.matchers import Matcher
from ...compare.fleet.query import fetch_fleet
from ...compare.fleet.span import Span
from ...compare.forecast.forecast import LEAST_DAYS, LEAST_PAST, Forecast, Terms, Wait, forecast
from ...compare.forecast.present import Present, present
from ...compare.forecast.rollout import Rollout, rollouts
from ...compare.options import parse_change, parse_models, prometheus_api
from ...preflight.plan.fleet import Hours, LiveFleet, RolloutHours
from ...preflight.plan.selection import WAIT
from ...preflight.plan.steps import LEAST_SERVERS
from .question import LiveQuestion

_READING: Final = 0.4
"""Part of the time that reading takes, about."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of a fleet and where, and what is asked of its verdicts."""

    api: PrometheusApi
    models: tuple[Matcher, ...]
    window: float
    keep_labels: tuple[str, ...]
    terms: Terms


def reading_of(question: LiveQuestion) -> Reading:
    """Return what the options ask for; raise `InferfleetError` naming one that cannot be used."""
    values = load()
    keep_labels = question.keep_labels or tuple(values.keep_labels)
    margin = _share(question.margin, "--margin") if question.margin else values.matched.margin
    effect = _share(question.effect, "--effect")
    api = prometheus_api(
        question.prometheus, question.http_config, question.headers, question.timeout
    )
    terms = Terms(effect, margin, values.matched.warm_up, parse_duration(WAIT))
    models = parse_models(question.model, keep_labels)
    return Reading(api, models, question.window, keep_labels, terms)


def live_fleet(reading: Reading, release: str) -> LiveFleet:
    """Return the fleet that runs a release, and how long its verdicts take.

    Raises `InferfleetError` for a Prometheus that does not answer, no servers or several models.
    """
    now, terms = time(), reading.terms
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=1.0)
        fleet = fetch_fleet(
            reading.api,
            ((), ()),
            reading.models,
            Span(now - reading.window, now),
            lambda share, text: bar.update(
                task, completed=_READING * share, description=f"reading: {text}"
            ),
            reading.keep_labels,
        )
        servers = present(fleet, release)
        terms = replace(terms, cached=servers.cached)
        ways = rollouts(len(servers.fleet.windows.servers), terms.wait)
        forecasts = list[Forecast]()
        for number, way in enumerate(ways):
            share = _READING + (1.0 - _READING) * number / len(ways)
            bar.update(task, completed=share, description=f"pretending: {_title(way)}")
            known = forecast(servers.fleet, way, terms)
            forecasts += [known] if known else []
    return _live(servers, forecasts, terms, tuple(_remarks(servers, release, forecasts)))


def _remarks(servers: Present, release: str, forecasts: list[Forecast]) -> Iterator[str]:
    """Yield what is to be known of a fleet before its hours are believed."""
    key, tried = servers.key, len(servers.fleet.windows.servers)
    if key.release != release:
        yield f"none of its servers runs {release}, which --from says; {key.release} is looked at"
    if servers.others:
        yield (
            f"{servers.others} more run another release or class, or on other GPUs, or in another "
            "cluster, and are left out: --model takes matchers, such as 'class=\"...\"'"
        )
    if servers.servers == 1:
        yield (
            "one server cannot be judged, which takes two of each release: start more, or compare "
            "recorded benchmarks of both releases (inferfleet bench-plan)"
        )
    needed = "canary" if servers.servers >= LEAST_SERVERS else "all at once"
    if servers.servers > 1 and all(each.rollout.kind != needed for each in forecasts):
        enough = LEAST_PAST + parse_duration(WAIT) if needed == "canary" else LEAST_DAYS
        text = f"{format_duration(servers.seconds)} of past are too short to pretend upgrades in"
        if needed == "canary":
            text += ", so the hours of the steps are those of simulated rollouts"
        yield f"{text}: ask again when there are {format_duration(enough)}, or a longer --window"
    if tried < servers.servers:
        yield f"upgrades were pretended on {tried} of its servers: more take no longer"


def _live(
    servers: Present, forecasts: list[Forecast], terms: Terms, remarks: tuple[str, ...]
) -> LiveFleet:
    key = servers.key
    return LiveFleet(
        key.engine,
        key.release,
        key.model,
        key.gpu_model,
        servers.servers,
        servers.gpus,
        servers.tokens_per_second,
        servers.seconds,
        terms.effect,
        terms.margin,
        tuple((name, value) for name, value in key.external_labels if value),
        tuple(
            RolloutHours(
                _title(each.rollout),
                each.rollout.upgraded,
                each.rollout.kind == "canary",
                _hours(each.loss),
                _hours(each.no_change),
                each.wrong_calls,
            )
            for each in forecasts
        ),
        remarks,
    )


def _title(rollout: Rollout) -> str:
    upgraded, servers = rollout.upgraded, rollout.servers
    others = servers - upgraded
    titles = {
        "canary": f"{upgraded} of {servers} servers",
        "new servers": f"{upgraded} new servers beside {others}",
        "swap": f"{upgraded} and {others} new servers, exchanged after {rollout.period / 3600:g} h",
        "all at once": f"all {servers} servers at once",
    }
    return titles[rollout.kind]


def _hours(wait: Wait) -> Hours:
    decided = wait.decided
    least, most = (decided[0], decided[-1]) if decided else (None, None)
    return Hours(wait.median, least, most, len(decided), len(wait.hours))


def _share(text: str, option: str) -> float:
    share = parse_change(text, option)
    if not 0 < share < 1:
        raise CompareError(f"{option}: {text!r} is not between 0 and 100%; write it like 3%")
    return share
