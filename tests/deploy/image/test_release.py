"""The release: what is published is what the docs name, and its workflow may do what it must alone.

The workflows' own schema is checked where they run; what is held here is what no schema says.
"""

import re
import tomllib
from typing import Any, Final

import pytest
import yaml

from ..kube import KUBERNETES, ROOT

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# what each job of a release writes to; all others read
RIGHTS: Final[dict[str, set[str]]] = {
    "image": {"packages", "id-token", "attestations"},
    "chart": {"packages", "id-token", "attestations"},
    "files": {"contents", "id-token", "attestations"},
}


def workflow(name: str) -> dict[str, Any]:
    path = ROOT / ".github" / "workflows" / f"{name}.yaml"
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader))


def steps(name: str) -> list[dict[str, Any]]:
    jobs = workflow(name)["jobs"].values()
    return [step for job in jobs for step in job.get("steps", ())]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_their_version_beside(path: Any) -> None:
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"\./.*|[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_an_action_has_one_commit_in_all_workflows() -> None:
    used = {step["uses"] for path in WORKFLOWS for step in steps(path.stem) if "uses" in step}
    assert len({action.partition("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_have_the_rights_they_need_and_keep_no_credentials(path: Any) -> None:
    found = workflow(path.stem)
    assert found["permissions"] == {}
    for name, job in found["jobs"].items():
        writes = {right for right, level in job["permissions"].items() if level == "write"}
        assert writes == (RIGHTS.get(name, set()) if path.stem == "release" else set()), name
    for step in steps(path.stem):
        # what a tag or a branch is called is no code
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


def test_a_release_is_checked_before_anything_is_published() -> None:
    jobs = workflow("release")["jobs"]
    assert jobs["ci"]["uses"] == "./.github/workflows/ci.yaml"
    for name in jobs.keys() - {"ci"}:
        needs, seen = [name], set[str]()
        while needs:
            needed = jobs[needs.pop()].get("needs", [])
            needs += [needed] if isinstance(needed, str) else needed
            seen |= set(needs)
        assert "ci" in seen


def test_one_version_stands_everywhere() -> None:
    version = PROJECT["project"]["version"]
    chart = yaml.safe_load((ROOT / "deploy" / "helm" / "inferfleet" / "Chart.yaml").read_text())
    tags = {
        image["newTag"]
        for path in KUBERNETES.rglob("kustomization.yaml")
        for image in yaml.safe_load(path.read_text()).get("images", ())
    }
    assert {chart["version"], chart["appVersion"], *tags} == {version}
    # the workflow reads it by this line
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.*)"$', text, re.M) == [version]


def test_what_is_published_is_what_manifests_and_docs_pull() -> None:
    environment = workflow("release")["env"]
    values = yaml.safe_load((ROOT / "deploy" / "helm" / "inferfleet" / "values.yaml").read_text())
    names = {
        image["newName"]
        for path in KUBERNETES.rglob("kustomization.yaml")
        for image in yaml.safe_load(path.read_text()).get("images", ())
    }
    assert {values["image"]["repository"], *names} == {environment["IMAGE"]}
    for page in ("README.md", "docs/deploy.md"):
        assert f"oci://{environment['CHARTS']}/inferfleet" in (ROOT / page).read_text()


def test_base_image_is_pinned_by_digest() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim@sha256:[0-9a-f]{64}$", text, re.M)
