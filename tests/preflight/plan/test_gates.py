"""Commands and gates filled in: they fit the files of deploy/, whatever labels hold."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.base.errors import PreflightError
from exporter.compare.fleet.matchers import Matcher, parse_matchers
from exporter.compare.options import parse_models
from exporter.preflight.plan.gates import GATES, Gate, gate_manifest
from exporter.preflight.plan.selection import Selection, matcher, model_option

ROLLOUT = Path(__file__).parent.parent.parent.parent / "deploy" / "kubernetes" / "rollout"
PLAIN = Selection(
    "http://p:9090", "0.19.1", "0.20.2", "meta/llama", "meta/llama", (("cluster", "eu1"),)
)
ODD_MODEL = "yes: {x}=~\n# 'no'"
ODD = Selection(
    "http://p:9090",
    'a"b\\',
    "on",
    model_option(ODD_MODEL),
    ODD_MODEL,
    (("cluster", 'c"\n'), ("project_id", "p")),
)


def resources(file: str) -> dict[str, Any]:
    """Return the resources of a file of deploy/ by name."""
    documents = yaml.safe_load_all((ROLLOUT / file).read_text("utf-8"))
    return {each["metadata"]["name"]: each for each in documents}


def written(gate: Gate, selection: Selection) -> Any:
    return yaml.safe_load(gate_manifest(gate, selection))


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_says_where_it_belongs(gate: Gate) -> None:
    first = gate_manifest(gate, PLAIN).splitlines()[0]
    (file,) = [word.rstrip(",") for word in first.split() if "deploy/" in word]
    assert (ROLLOUT.parent.parent.parent / file.rstrip(",")).is_file()


def test_argo_gets_every_argument_that_has_no_default() -> None:
    (step,) = written("argo", PLAIN)
    (template,) = step["analysis"]["templates"]
    declared = resources("argo-analysis.yaml")[template["templateName"]]["spec"]["args"]
    given = {each["name"]: each["value"] for each in step["analysis"]["args"]}
    assert given.keys() <= {each["name"] for each in declared}
    assert {each["name"] for each in declared if "value" not in each} <= given.keys()
    assert given["baseline"] == "0.19.1"
    assert given["cluster"] == "eu1"


def test_flagger_gets_the_metric_of_the_shipped_canary() -> None:
    (metric,) = written("flagger", PLAIN)
    shipped = resources("flagger-canary.yaml")["vllm"]["spec"]["analysis"]["metrics"][0]
    assert metric.keys() == shipped.keys()
    assert metric["templateVariables"].keys() == shipped["templateVariables"].keys()
    assert metric["templateRef"]["name"] in resources("flagger-metric.yaml")
    assert {**metric, "templateVariables": {}} == {**shipped, "templateVariables": {}}


def test_the_job_gets_the_arguments_of_the_shipped_one() -> None:
    shipped = resources("job.yaml")["inferfleet-gate"]["spec"]["template"]["spec"]
    arguments = shipped["containers"][0]["args"]
    own = written("job", PLAIN)
    assert [each.partition("=")[0] for each in own] == [
        each.partition("=")[0] for each in arguments
    ]
    unchanged = [each for each in arguments if each.startswith(("--window", "--wait", "--fail"))]
    assert set(unchanged) <= set(own)


@pytest.mark.parametrize(
    ("selection", "model"), [(PLAIN, "meta/llama"), (ODD, ODD_MODEL)], ids=["plain", "odd"]
)
def test_labels_come_through_every_quoting(selection: Selection, model: str) -> None:
    words = shlex.split(selection.command())
    old = parse_matchers(
        words[words.index("--baseline") + 1], "--baseline", ("project_id", "cluster")
    )
    labels = (*selection.cluster, ("release", selection.old))
    assert old == tuple(Matcher(name, "=", value) for name, value in labels)
    models = parse_models(words[words.index("--model") + 1])
    assert models == (Matcher("model", "=", model),)
    job = dict(
        each.removeprefix("--").partition("=")[::2] for each in written("job", selection)[1:]
    )
    assert parse_matchers(job["baseline"], "", ("project_id", "cluster")) == old
    assert parse_models(job["model"]) == models
    (step,) = written("argo", selection)
    given = {each["name"]: each["value"] for each in step["analysis"]["args"]}
    assert parse_models(given["model"]) == models
    (metric,) = written("flagger", selection)
    assert metric["templateVariables"]["model"] == model


def test_a_matcher_is_written_as_compare_reads_it() -> None:
    value = 'a"b\\c\nd'
    assert parse_matchers(matcher("model", value), "")[0].value == value


def test_a_gate_of_one_model_is_not_filled_in_for_several() -> None:
    several = replace(PLAIN, model='model=~"llama.*"', model_label="")
    with pytest.raises(PreflightError, match="give the name as --model"):
        gate_manifest("flagger", several)
    assert written("argo", several)
    assert written("job", several)
