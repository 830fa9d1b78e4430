"""What the image installs is locked by version and hash, and the locks fit pyproject.toml."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..kube import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
INSTALLED = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["image"],
]
WANTED = {"requirements": INSTALLED, "build": PROJECT["build-system"]["requires"]}


def locked(name: str) -> list[tuple[Requirement, int]]:
    """Return every entry of a lock with how many hashes it has."""
    text = (ROOT / "deploy" / f"{name}.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", text.replace("\\\n", " ").strip())
    return [
        (Requirement(entry.partition(" --hash")[0].strip()), entry.count("--hash=sha256:"))
        for entry in entries
    ]


@pytest.mark.parametrize("name", WANTED)
def test_every_entry_is_one_version_with_hashes(name: str) -> None:
    for requirement, hashes in locked(name):
        assert [spec.operator for spec in requirement.specifier] == ["=="], requirement
        assert hashes > 0, requirement


@pytest.mark.parametrize(
    ("name", "wanted"), [(name, one) for name, wanted in WANTED.items() for one in wanted]
)
def test_every_dependency_is_locked_to_a_release_it_allows(name: str, wanted: str) -> None:
    asked = Requirement(wanted)
    versions = [
        spec.version
        for requirement, _ in locked(name)
        if canonicalize_name(requirement.name) == canonicalize_name(asked.name)
        for spec in requirement.specifier
    ]
    assert versions, f"{wanted} is not in deploy/{name}.lock: run make lock"
    assert all(asked.specifier.contains(version) for version in versions), (
        f"deploy/{name}.lock has {versions}, which {wanted} does not allow: run make lock"
    )


def test_the_image_has_what_the_extras_of_its_commands_ask_for() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    numpy = [one for one in extras["compare"] if one.startswith("numpy")]
    assert sorted(extras["image"]) == sorted([*extras["auth"], *numpy])


def test_the_image_takes_nothing_from_elsewhere_without_its_hash() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    installs = [line for line in text.splitlines() if line.startswith("RUN") and '"pip"' in line]
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
