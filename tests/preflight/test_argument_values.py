"""Values of arguments that remain: those that the new release does not take any more."""

import re

import pytest

from exporter.engines.registry import ENGINES
from exporter.preflight.argument_values import value_findings
from exporter.preflight.catalog import ReleaseCatalog, release_catalog
from exporter.preflight.finding import Finding, Place
from exporter.preflight.sources.launches import launch

CATALOG = ReleaseCatalog(
    "vllm",
    ("1.0", "2.0", "3.0"),
    {
        "metrics": {},
        "labels": {},
        "arguments": {
            "--all2all-backend": [
                {"first": "1.0", "last": "2.0", "choices": ["naive", "pplx", "deepep_low_latency"]},
                {"first": "3.0", "last": "3.0", "choices": ["deepep_low_latency", "nixl"]},
            ],
            "--quantization": [{"first": "1.0", "last": "3.0"}],
        },
        "environment": {},
        "requires": {},
    },
)


def found(*words: str, old: str = "2.0", new: str = "3.0", wrapped: bool = False) -> list[Finding]:
    started = launch(ENGINES["vllm"], list(words), {}, Place("a.yaml"), wrapped)
    return list(value_findings(started, CATALOG, old, new))


def test_a_value_that_is_gone_is_an_error_with_those_that_are_left() -> None:
    (finding,) = found("--all2all-backend", "pplx")
    assert (finding.kind, finding.severity) == ("value-removed", "error")
    assert finding.subject == "--all2all-backend pplx"
    assert finding.text == (
        "--all2all-backend does not take pplx any more: vllm 3.0 ends with an error"
    )
    assert finding.remedy == "it takes deepep_low_latency, nixl"


def test_a_value_of_no_release_is_told_with_one_near_to_it() -> None:
    (finding,) = found("--all2all-backend=deepep-low-latency", old="3.0")
    assert (finding.kind, finding.severity) == ("value-unknown", "warning")
    assert finding.remedy == "did you mean deepep_low_latency?"


def test_a_value_that_was_split_is_told_with_its_parts() -> None:
    (finding,) = found("--all2all-backend", "deepep", old="3.0")
    assert finding.remedy == "did you mean deepep_low_latency?"


def test_a_value_of_an_older_release_is_told_with_the_last_that_took_it() -> None:
    (finding,) = found("--all2all-backend", "naive", old="3.0", wrapped=True)
    assert finding.text == "--all2all-backend takes no naive in vllm 3.0; 2.0 is the last that did"


@pytest.mark.parametrize(
    "words",
    [
        ("--all2all-backend", "nixl"),
        ("--all2all-backend", "NIXL"),
        ("--all2all-backend", "None"),
        ("--all2all-backend", "$BACKEND"),
        ("--all2all-backend", "{{ .Values.backend }}"),
        ("--quantization", "anything"),
        ("--other", "x"),
    ],
)
def test_what_may_be_right_is_no_finding(words: tuple[str, ...]) -> None:
    assert found(*words) == []


def test_another_programs_values_are_not_judged() -> None:
    assert found("--all2all-backend", "own", wrapped=True) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_default_is_a_value_that_its_argument_takes(engine: str) -> None:
    """Else the lists were read from the wrong place."""
    catalog = release_catalog(engine)
    seen = 0
    for release in catalog.releases:
        for flag, fact in catalog.facts("arguments", release).items():
            # others are worked out
            literal = re.fullmatch(r"'([^']+)'|(\d+)", str(fact.get("default", "")))
            if "choices" not in fact or literal is None:
                continue
            default = literal[1] or literal[2]
            seen += 1
            assert default.lower() in {each.lower() for each in fact["choices"]}, (release, flag)
    assert seen > 100
