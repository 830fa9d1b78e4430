"""A rollout's gate filled in for an upgrade: what goes into the files of deploy/. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import yaml

from ...base.errors import PreflightError
from .selection import FAIL_ON, Selection

Gate = Literal["argo", "flagger", "job"]
GATES: Final[tuple[Gate, ...]] = get_args(Gate)
_FOLDER: Final = "deploy/kubernetes/rollout"
_PLACES: Final[Mapping[Gate, str]] = {
    "argo": f"a step of the Rollout; its template is in {_FOLDER}/argo-analysis.yaml",
    "flagger": f"metrics of the Canary; its template is in {_FOLDER}/flagger-metric.yaml, and asks "
    "a judge",
    "job": f"arguments of the container in {_FOLDER}/job.yaml",
}


def gate_manifest(gate: Gate, selection: Selection) -> str:
    """Return what a gate is filled in with as YAML, and where it belongs.

    Raises `PreflightError` where a gate of one model is asked for and there may be several.
    """
    written = yaml.safe_dump(_CONTENTS[gate](selection), sort_keys=False, width=1000)
    return f"# {_PLACES[gate]}\n{written}"


def _argo(selection: Selection) -> list[Any]:
    given = {
        "baseline": selection.old,
        "candidate": selection.new,
        "model": selection.model,
        "cluster": dict(selection.cluster).get("cluster", ""),
        "prometheus": selection.prometheus,
    }
    arguments = [{"name": name, "value": value} for name, value in given.items()]
    return [{"analysis": {"templates": [{"templateName": _ARGO_TEMPLATE}], "args": arguments}}]


def _flagger(selection: Selection) -> list[Any]:
    if not selection.model_label:
        # a query for a model that there is not has no regression, and lets every release through
        raise PreflightError(
            "--gate flagger: Flagger asks for one model by its name; give the name as --model"
        )
    variables = {
        "cluster": dict(selection.cluster).get("cluster", ""),
        "model": selection.model_label,
        "release": selection.new,
    }
    return [
        {
            "name": _FLAGGER_TEMPLATE,
            "templateRef": {"name": _FLAGGER_TEMPLATE},
            "thresholdRange": {"max": 0},
            "interval": "10m",
            "templateVariables": variables,
        }
    ]


def _job(selection: Selection) -> list[Any]:
    options = {
        "prometheus": selection.prometheus,
        "model": selection.model,
        "baseline": selection.matchers(selection.old),
        "candidate": selection.matchers(selection.new),
        "window": selection.window,
        "wait": selection.wait,
        "fail-on": FAIL_ON,
    }
    return ["compare", *(f"--{name}={value}" for name, value in options.items() if value)]


_ARGO_TEMPLATE: Final = "inferfleet-compare"
_FLAGGER_TEMPLATE: Final = "inferfleet-regression"
_CONTENTS: Final = {"argo": _argo, "flagger": _flagger, "job": _job}
