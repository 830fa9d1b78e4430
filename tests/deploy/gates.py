"""What Argo Rollouts, Flagger and a Kubernetes Job would decide, by our own manifests.

Each is played on a clock of its own, from the moment when the canary has its traffic: queries and
commands are those of the YAML, the rules are those of Argo Rollouts 1.9 and Flagger 1.42 (their
sources: analysis/analysis.go; pkg/controller/scheduler.go and scheduler_metrics.go).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal
from unittest.mock import patch

import yaml
from typer.testing import CliRunner

from exporter.base.units import parse_duration
from exporter.cli.app import app
from exporter.compare.command import main
from tests.virtual_time import SleepingClock

from .kube import KUBERNETES, Object

ROLLOUT: Final = KUBERNETES / "rollout"
PROVEN: Final = "regression,inconclusive,not_comparable"

Outcome = Literal["goes on", "pauses", "rolled back"]
Ask = Callable[[str, float], list[float]]
"""Returns the values of an instant query at a Unix time."""


@dataclass(frozen=True)
class Decision:
    """What a gate did, and how many hours after the canary had its traffic."""

    outcome: Outcome
    hours: float


def resource(file: str, name: str) -> Object:
    """Return a resource of a file of the folder."""
    for each in yaml.safe_load_all((ROLLOUT / file).read_text()):
        if each["metadata"]["name"] == name:
            found: Object = each
            return found
    raise KeyError(name)


def argo_arguments(template: Object, given: Mapping[str, str]) -> dict[str, str]:
    """Return all arguments of a template; fail where one is missing or unknown."""
    defaults = {each["name"]: each.get("value") for each in template["spec"]["args"]}
    assert given.keys() <= defaults.keys()
    arguments = {**defaults, **given}
    assert None not in arguments.values(), arguments
    return arguments


def argo_metric(template: Object, given: Mapping[str, str]) -> Object:
    """Return the one metric of a template with its arguments filled in."""
    (metric,) = template["spec"]["metrics"]
    arguments = argo_arguments(template, given)

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        if isinstance(value, str):
            return re.sub(r"{{args\.([\w-]+)}}", lambda match: arguments[match[1]], value)
        return value

    found: Object = filled(metric)
    return found


def argo_prometheus(metric: Object, ask: Ask, start: float) -> Decision:
    """Take Argo's measurements until the metric is assessed."""
    query = metric["provider"]["prometheus"]["query"]
    time = start + parse_duration(metric["initialDelay"])
    failed = inconclusive = successes = 0
    for _ in range(metric["count"]):
        scope = {"result": ask(query, time)}
        success, failure = (
            eval(metric[name], {"__builtins__": {}}, scope)
            for name in ("successCondition", "failureCondition")
        )
        hours = (time - start) / 3600
        failed += failure
        inconclusive += not failure and not success
        successes = 0 if failure or not success else successes + 1
        if failed > metric["failureLimit"]:
            return Decision("rolled back", hours)
        if inconclusive > metric["inconclusiveLimit"]:
            return Decision("pauses", hours)
        if successes >= metric["consecutiveSuccessLimit"]:
            return Decision("goes on", hours)
        time += parse_duration(metric["interval"])
    # neither limit was met
    return Decision("pauses", hours)


def flagger(canary: Object, ask: Ask, start: float, variables: Mapping[str, str]) -> Decision:
    """Run Flagger's checks, one each interval, until it promotes or rolls back."""
    analysis = canary["spec"]["analysis"]
    time, failed, iterations = start, 0, 0
    while True:
        time += parse_duration(analysis["interval"])
        hours = (time - start) / 3600
        if failed >= analysis["threshold"]:
            return Decision("rolled back", hours)
        if iterations >= analysis["iterations"]:
            return Decision("goes on", hours)
        if all(_passes(metric, ask, time, variables) for metric in analysis["metrics"]):
            iterations += 1
        else:
            failed += 1


def _passes(metric: Object, ask: Ask, time: float, variables: Mapping[str, str]) -> bool:
    template = resource("flagger-metric.yaml", metric["templateRef"]["name"])
    filled = {**metric["templateVariables"], **variables}
    query = re.sub(
        r"{{ variables\.(\w+) }}", lambda match: filled[match[1]], template["spec"]["query"]
    )
    values = ask(query, time)
    if not values:
        return False
    low, high = (metric["thresholdRange"].get(name) for name in ("min", "max"))
    return not ((low is not None and values[-1] < low) or (high is not None and values[-1] > high))


def job(spec: Object, replaced: Mapping[str, str], start: float) -> Decision:
    """Run a Job's command on a clock of its own; `replaced` are arguments in place of its own."""
    (container,) = spec["template"]["spec"]["containers"]
    words = [
        f"{name}={replaced[name]}" if (name := word.partition("=")[0]) in replaced else word
        for word in container["args"]
    ]
    clock = SleepingClock(start)
    with patch("exporter.compare.command.main", partial(main, now=clock.now, sleep=clock.sleep)):
        result = CliRunner().invoke(app, words)
    hours = (clock.time - start) / 3600
    assert clock.time - start < spec["activeDeadlineSeconds"], "the Job would be killed first"
    if result.exit_code == 0:
        return Decision("goes on", hours)
    final = spec["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert result.exit_code in final, result.output + result.stderr
    return Decision("rolled back", hours)
