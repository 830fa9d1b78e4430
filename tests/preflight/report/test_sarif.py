"""SARIF: what its schema and GitHub's code scanning want, and that an alert stays the same."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field

from exporter.cli.preflight.run import source_line
from exporter.preflight.finding import Kind
from exporter.preflight.report.sarif import sarif
from exporter.preflight.review import review
from exporter.preflight.upgrade import parse_upgrade

UPGRADE = parse_upgrade("vllm==0.19.1", "vllm==0.20.2")
DEPLOYMENT = Path(__file__).parent.parent / "deployment.yaml"
RULE = """\
groups:
  - name: g
    rules:
      - {alert: Full, expr: "vllm:gpu_cache_usage_perc > 0.9"}
      - {alert: Full, expr: "vllm:gpu_cache_usage_perc > 0.9"}
"""
Text = Annotated[str, Field(min_length=1, max_length=1024)]


class Strict(BaseModel):
    """An object of the schema, of which no other property is written here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Message(Strict):
    text: Text


class Rule(Strict):
    id: Text
    name: Annotated[str, Field(max_length=255)]
    shortDescription: Message
    fullDescription: Message
    help: Message


class Driver(Strict):
    name: Text
    version: Text
    rules: list[Rule]


class Tool(Strict):
    driver: Driver


class Artifact(Strict):
    uri: Annotated[str, Field(pattern=r"^(file:///)?[A-Za-z0-9._~%/-]+$")]


class Region(Strict):
    startLine: Annotated[int, Field(ge=1)]
    startColumn: Annotated[int, Field(ge=1)]
    endLine: Annotated[int, Field(ge=1)]
    endColumn: Annotated[int, Field(ge=1)]


class PhysicalLocation(Strict):
    artifactLocation: Artifact
    region: Region


class LogicalLocation(Strict):
    fullyQualifiedName: Text


class Location(Strict):
    physicalLocation: PhysicalLocation
    logicalLocations: list[LogicalLocation]


class Fingerprints(Strict):
    primaryLocationLineHash: Annotated[str, Field(pattern="^[0-9a-f]{16}:[1-9][0-9]*$")]


class Result(Strict):
    ruleId: Text
    level: Literal["note", "warning", "error"]
    message: Message
    locations: Annotated[list[Location], Field(min_length=1, max_length=10)]
    partialFingerprints: Fingerprints


class Run(Strict):
    tool: Tool
    columnKind: Literal["utf16CodeUnits", "unicodeCodePoints"]
    results: Annotated[list[Result], Field(max_length=25_000)]


class Log(Strict):
    schema_: Annotated[str, Field(alias="$schema", pattern="^https://.*sarif.*2.1.0.*json$")]
    version: Literal["2.1.0"]
    runs: Annotated[list[Run], Field(min_length=1, max_length=20)]


def log_of(*paths: Path, details: bool = False) -> dict[str, Any]:
    return sarif(review(UPGRADE, paths, []), "1.0", source_line, details)


@pytest.mark.parametrize("details", [False, True])
def test_a_log_has_what_code_hosts_require(details: bool) -> None:
    (run,) = Log.model_validate(log_of(DEPLOYMENT, details=details)).runs
    ids = [rule.id for rule in run.tool.driver.rules]
    assert sorted(ids) == sorted(get_args(Kind))
    assert run.results
    assert {result.ruleId for result in run.results} <= {*ids}
    marks = [result.partialFingerprints.primaryLocationLineHash for result in run.results]
    assert len(marks) == len({*marks})
    for result in run.results:
        region = result.locations[0].physicalLocation.region
        assert (region.endLine, region.endColumn) >= (region.startLine, region.startColumn)


def test_what_weighs_little_is_in_it_where_it_is_asked_for() -> None:
    few, every = (
        len(log_of(DEPLOYMENT, details=details)["runs"][0]["results"]) for details in (False, True)
    )
    assert 0 < few < every


def test_a_region_is_the_line_without_its_indentation(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULE)
    first, second = log_of(file)["runs"][0]["results"]
    region = first["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 4, "startColumn": 7, "endLine": 4, "endColumn": 63}
    assert second["locations"][0]["physicalLocation"]["region"]["startLine"] == 5


def test_a_fingerprint_stays_while_lines_above_come_and_go(tmp_path: Path) -> None:
    file, moved = tmp_path / "rules.yaml", []
    for above in ("", "# a comment\n\n"):
        file.write_text(above + RULE)
        results = log_of(file)["runs"][0]["results"]
        moved.append([each["partialFingerprints"] for each in results])
    assert moved[0] == moved[1]
    assert len({each["primaryLocationLineHash"] for each in moved[0]}) == 2


def test_files_are_named_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, outside = tmp_path / "here", tmp_path / "outside.yaml"
    here.mkdir()
    for file in (here / "a rule#1.yaml", outside):
        file.write_text(RULE)
    monkeypatch.chdir(here)

    def uri(path: Path) -> str:
        result = log_of(path)["runs"][0]["results"][0]
        return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])

    names = {uri(path) for path in (here / "a rule#1.yaml", Path("a rule#1.yaml"))}
    assert names == {"a%20rule%231.yaml"}
    assert uri(outside) == outside.resolve().as_uri()
