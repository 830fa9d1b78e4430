"""The catalogs as data: complete, consistent, and honest about meanings."""

from pathlib import Path

import pytest
import yaml

from exporter.base.errors import CatalogError
from exporter.engines import catalog
from exporter.engines.catalog import EngineCatalog, engine_catalog, version_of
from exporter.engines.registry import ENGINES
from exporter.vocabulary.engine import BY_NAME, FAMILIES


@pytest.mark.parametrize("engine", ENGINES)
def test_every_mapped_name_is_a_known_one(engine: str) -> None:
    known = engine_catalog(engine).known_names()
    named, _ = engine_catalog(engine).sample_names()
    for name in named:
        bases = {name.removesuffix(end) for end in ("_bucket", "_sum", "_count")}
        assert bases & known, name
    assert engine_catalog(engine).unmapped < known


def test_every_canonical_family_is_told_by_some_engine() -> None:
    told = set().union(*(engine_catalog(engine).families for engine in ENGINES))
    from_labels = {"lora_waiting_adapters", "kv_cache_capacity_tokens"}
    assert told | from_labels == {family.name for family in FAMILIES}


def test_openmetrics_family_names_do_not_clash() -> None:
    families = [name.removesuffix("_total") for name in BY_NAME]
    assert len(families) == len(set(families))


def test_meaning_changes_between_versions() -> None:
    vllm = engine_catalog("vllm")

    def names(old: str, new: str) -> list[str]:
        return [change.name for change in vllm.changes_between(old, new)]

    assert names("0.20.2", "0.26.0") == [
        "step-tokens-computed-only",
        "kv-block-size-of-engine",
        "validation-errors-4xx",
        "kv-capacity-reported",
        "client-errors-4xx",
    ]
    assert names("0.26.0", "0.20.2") == names("0.20.2", "0.26.0")
    assert names("0.24.0", "0.25.1") == []
    assert names("0.24.0", "0.26.0") == ["client-errors-4xx"]
    assert names("0.28.0", "0.30.0") == []
    assert names("0.31.0", "0.32.0") == []
    assert "prefix-cache-counted-at-admission" in names("0.26.0", "0.27.0")
    assert names("0.20.2", "0.20.2") == []
    assert len(names("", "0.27.0")) == len(vllm.meanings)
    assert names("nightly", "nightly") == []


def test_a_change_for_one_role_concerns_servers_of_it_alone() -> None:
    changes = {change.name: change for change in engine_catalog("vllm").meanings}
    finished = changes["finished-prefill-without-remote-hits"]
    assert finished.concerns({"decode"})
    assert finished.concerns({"prefill", "decode"})
    assert not finished.concerns({"both"})
    assert not finished.concerns(())
    assert changes["step-tokens-computed-only"].concerns(())


def test_sglang_changes_of_the_newest_releases() -> None:
    def forbidden(old: str, new: str) -> dict[str, set[str]]:
        changes = engine_catalog("sglang").changes_between(old, new)
        return {change.name: set(change.forbids) for change in changes if change.forbids}

    assert forbidden("0.5.18", "0.5.19") == {}
    assert forbidden("0.5.19", "0.5.20") == {"prompt-tokens-not-paged": {"prefill", "hit_ratio"}}
    assert forbidden("0.5.21", "0.5.22") == {
        "no-token-latency-on-prefill": {"decode", "inter_token_latency"},
    }
    assert forbidden("0.5.22", "0.5.23") == {}


def test_a_change_of_live_token_counts_forbids_what_is_compared_at_a_load_told_by_them() -> None:
    (change,) = engine_catalog("sglang").changes_between("0.5.6", "0.5.8")
    assert set(change.forbids) >= {"decode", "inter_token_latency"}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_change_of_output_timing_forbids_what_is_made_of_it(engine: str) -> None:
    for change in engine_catalog(engine).meanings:
        if "inter_token_latency_seconds" in change.series:
            assert {"decode", "inter_token_latency"} <= set(change.forbids), change.name


def test_versions_as_packages_write_them() -> None:
    assert version_of("0.11.1rc6.dev211+gabc") == version_of("0.11.1rc6.dev211+gabc")
    assert version_of("") is None
    assert version_of("main") is None


def broken(**changes: object) -> dict[str, object]:
    path = Path(str(catalog.__file__)).with_name("sglang.yaml")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return {**data, **changes}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"families": {"no_such_family": [{"raw": "x"}]}}, "no canonical family"),
        (
            {"families": {"requests_running": [{"raw": "x", "label": {"colour": "red"}}]}},
            "no label colour",
        ),
        ({"families": {"requests_running": [{"rav": "x"}]}}, "rav"),
        ({"surprise": 1}, "surprise"),
        ({"unmapped": "gen_throughput token_usage"}, "token_usage is both mapped and listed"),
        (
            {
                "meanings": [
                    {"name": "x", "at": "1", "series": [], "changed": "y", "forbids": ["latency"]}
                ]
            },
            r"meanings\.0\.forbids",
        ),
    ],
)
def test_a_wrong_catalog_is_refused(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        EngineCatalog.model_validate(broken(**changes))


def test_an_engine_without_a_catalog() -> None:
    with pytest.raises(CatalogError, match=r"nothing\.yaml"):
        engine_catalog("nothing")
