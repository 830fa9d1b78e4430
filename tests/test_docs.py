"""The documents against the code: every key, option and metric, and no other."""

import ast
import re
from pathlib import Path

import pytest
import typer
import yaml
from pydantic import BaseModel

from exporter.cli.app import app
from exporter.compare.interim import HORIZON_HOURS
from exporter.compare.statistics.regression import MIN_WINDOWS
from exporter.config import Config, parse_config
from exporter.publish.families import PUBLISHED
from exporter.vocabulary.family import PREFIX
from exporter.vocabulary.verdict import NEXT_STEPS, VERDICTS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def models(kind: type[BaseModel]) -> set[type[BaseModel]]:
    found = {kind}
    for field in kind.model_fields.values():
        for part in [field.annotation, *getattr(field.annotation, "__args__", ())]:
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found |= models(part)
    return found


def test_every_key_is_documented() -> None:
    keys = {key for model in models(Config) for key in model.model_fields}
    assert len(keys) > 40
    page = text("docs/configuration.md")
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []


def test_every_command_and_option_is_documented() -> None:
    command = typer.main.get_command(app)
    pages = text("README.md") + text("docs/configuration.md")
    for name, sub in vars(command)["commands"].items():
        assert f"inferfleet {name}" in pages
        for option in sub.params:
            for flag in option.opts:
                if flag.startswith("--"):
                    assert f"`{flag}`" in pages, flag


def test_what_to_do_on_each_verdict_is_said_first() -> None:
    page = text("README.md")
    for verdict, step in NEXT_STEPS.items():
        assert f"| {VERDICTS[verdict]} | {step} |" in page


def test_limits_of_the_verdict_are_said_with_their_numbers() -> None:
    page = " ".join(text("docs/compare.md").split())
    assert f"until both sides have {MIN_WINDOWS} windows" in page
    assert f"fewer than {MIN_WINDOWS} windows of it there, is not comparable" in page
    assert (
        f"share the significance level over the candidate's first {HORIZON_HOURS:g} hours" in page
    )


def test_every_metric_is_documented_and_no_other() -> None:
    page = text("docs/metrics.md")
    names = {PREFIX + family.name for family in PUBLISHED}
    assert [name for name in sorted(names) if f"| `{name}` |" not in page] == []
    labels = ("inferfleet_name", "inferfleet_release", "inferfleet_workload", "inferfleet_")
    for path in PAGES:
        for name in re.findall(r"(?<!:)inferfleet_[a-z_]*", path.read_text(encoding="utf-8")):
            assert name in names or name in labels, (path.name, name)


def test_the_example_is_a_good_configuration() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", text("docs/configuration.md"), re.S)
    assert blocks
    for block in blocks:
        assert parse_config(yaml.safe_load(block), "the example").targets


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_files_and_what_is_said_to_be_in_them_are_there(path: Path) -> None:
    top, page = "exporter|alerts|dashboards|deploy|docs|scripts|tests", path.read_text("utf-8")
    for name in re.findall(rf"`((?:{top})/[^` ]*)`", page):
        assert list(ROOT.glob(re.sub("ENGINE|EXPORTER|NAME", "*", name))), name
    for word, name in re.findall(rf"`(\w+)`\s+(?:in|of)\s+`((?:{top})/[\w/]+\.py)`", page):
        assert re.search(rf"\b{word}\b", text(name)), (word, name)


def test_every_fault_withstood_names_a_test_that_is_there() -> None:
    _, _, faults = text("docs/withstands.md").partition("<!-- end of dead -->")
    rows = re.findall(r"^\| .* \| .* \| (.*) \|$", faults, re.MULTILINE)
    named = [row for row in rows if row != "test"]
    assert len(named) > 100
    defined = {
        f"{path.relative_to(ROOT / 'tests')}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert [row for row in named if row.strip("`") not in defined] == []
