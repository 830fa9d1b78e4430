"""The survey: what is known of a project, held against what preflight says of its clone."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.survey.expected import Dead, Engine, FirstLook, Group, Project, survey
from scripts.survey.outcome import Score, outcome
from scripts.survey.tables import sections

ROOT = Path(__file__).parents[3]
RELEASES: dict[Engine, str] = {"vllm": "0.20.2", "sglang": "0.5.23"}
RULES = """groups:
- name: g
  rules:
  - {alert: A, expr: 'vllm:gpu_cache_usage_perc > 0.9'}
  - {alert: B, expr: 'vllm:num_requests_swapped > 0 or vllm:gpu_cache_usage_perc > 1'}
"""
SERVER = """services:
  llm: {image: vllm/vllm-openai, command: --model m --swap-space 4, environment: [VLLM_USE_V1=1]}
"""

Clone = Callable[..., Project]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """Make the clone of a project with a file of rules and a server; return the project."""

    def made(expected: dict[str, Dead], group: Group = "untouched") -> Project:
        folder = tmp_path / "owner" / "name"
        (folder / "deploy").mkdir(parents=True)
        (folder / "rules.yaml").write_text(RULES)
        (folder / "deploy" / "compose.yaml").write_text(SERVER)
        git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b")
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
            subprocess.run([*git, *words], check=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True)
        return Project(
            name="owner/name",
            revision=head.stdout.decode().strip()[:7],
            group=group,
            expected={file: {"vllm": dead} for file, dead in expected.items()},
        )

    return made


def test_what_is_expected_is_found_missed_or_false(clone: Clone, tmp_path: Path) -> None:
    project = clone(
        {
            "rules.yaml": Dead(
                names={"vllm:gpu_cache_usage_perc": 2, "vllm:never": 1}, flags=frozenset({"--none"})
            ),
            "deploy/compose.yaml": Dead(flags=frozenset({"--swap-space"})),
        }
    )
    result = outcome(project, RELEASES, tmp_path)
    assert result.documents == 2
    assert result.names == Score(expected=3, found=2, false=1)
    assert result.flags == Score(expected=2, found=1, false=1)
    assert result.missed == ("rules.yaml vllm:never (1)", "vllm rules.yaml --none (1)")
    assert result.false == (
        "rules.yaml vllm:num_requests_swapped (1)",
        "vllm deploy/compose.yaml VLLM_USE_V1 (1)",
    )


def test_a_clone_at_another_revision_is_refused(clone: Clone, tmp_path: Path) -> None:
    project = clone({}).model_copy(update={"revision": "0000000"})
    with pytest.raises(SystemExit, match="check out 0000000"):
        outcome(project, RELEASES, tmp_path)


def test_a_clone_that_is_not_there_is_refused(tmp_path: Path) -> None:
    project = Project(name="owner/other", revision="0000000", group="tuned")
    with pytest.raises(SystemExit, match="owner/other is not there"):
        outcome(project, RELEASES, tmp_path)


def test_tables_have_both_looks_and_a_sum(clone: Clone, tmp_path: Path) -> None:
    project = clone({"rules.yaml": Dead(names={"vllm:gpu_cache_usage_perc": 2})}, "mended")
    first = FirstLook(names=1, flags=0, false_flags=3)
    project = project.model_copy(update={"first_look": first})
    table = sections([outcome(project, RELEASES, tmp_path)])["survey: mended"]
    assert table.splitlines()[2:] == [
        f"| owner/name | {project.revision} | 2 | 2 | 1 / 2 | 0 / 1 | 0 | 0 / 0 | 3 / 2 |",
        "| **all** |  | 2 | 2 | 1 / 2 | 0 / 1 | 0 | 0 / 0 | 3 / 2 |",
    ]


def test_the_document_has_every_project_that_the_survey_knows() -> None:
    page = (ROOT / "docs" / "preflight.md").read_text("utf-8")
    for project in survey().projects:
        wrong = sum(project.names.values()), len(project.flags)
        rows = [line for line in page.splitlines() if line.startswith(f"| {project.name} ")]
        if not any(wrong):
            assert project.name in page
            continue
        (row,) = rows
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert (cells[1], int(cells[3]), int(cells[6])) == (project.revision, *wrong)
