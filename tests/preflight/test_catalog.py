"""The catalog as it is committed: its shape, that it fits the product, a few entries by hand."""

import pytest
from packaging.version import Version

from exporter.engines.catalog import engine_catalog
from exporter.engines.registry import ENGINES
from exporter.preflight.catalog import release_catalog
from exporter.preflight.catalog.notes import release_notes
from exporter.preflight.samples import SampleNames


@pytest.mark.parametrize("engine", ENGINES)
def test_releases_are_in_order_and_every_range_is_of_them(engine: str) -> None:
    catalog = release_catalog(engine)
    assert list(catalog.releases) == sorted(catalog.releases, key=Version)
    for names in catalog.sections.values():
        for name, spans in names.items():
            ends = [
                catalog.releases.index(span[end]) for span in spans for end in ("first", "last")
            ]
            assert ends == sorted(ends), name


@pytest.mark.parametrize("engine", ENGINES)
def test_every_metric_has_a_type(engine: str) -> None:
    kinds = {
        span["type"]
        for spans in release_catalog(engine).sections["metrics"].values()
        for span in spans
    }
    assert kinds <= {"counter", "gauge", "histogram", "summary"}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_metric_is_known_to_the_engine_catalog_too(engine: str) -> None:
    catalog = release_catalog(engine)
    names = SampleNames(catalog, catalog.releases[0], catalog.releases[-1])
    ends = ("_bucket", "_sum", "_count")
    known = names.older | {name.removesuffix(end) for name in names.older for end in ends}
    unknown = [
        sample
        for sample in names.ever
        if not sample.endswith("_created")
        and known.isdisjoint({sample, *(sample.removesuffix(end) for end in ends)})
    ]
    assert unknown == []


@pytest.mark.parametrize("engine", ENGINES)
def test_notes_name_what_is_there_and_their_source(engine: str) -> None:
    catalog = release_catalog(engine)
    named = {*catalog.sections["arguments"], *catalog.sections["environment"]}
    notes = release_notes(engine)
    assert [note.at for note in notes] == sorted((note.at for note in notes), key=Version)
    for note in notes:
        assert note.source
        assert note.at in catalog.releases
        assert {*note.only_with, *note.unless} <= named
        # what was gone before the first release stands in notes alone
        assert note.at == catalog.releases[0] or {*note.replaces} <= named


def test_the_catalog_reaches_as_far_as_the_engines_are_read() -> None:
    for engine in ENGINES:
        newest = release_catalog(engine).releases[-1]
        assert newest in engine_catalog(engine).releases


@pytest.mark.parametrize(
    ("engine", "section", "name", "first", "last"),
    [
        ("vllm", "metrics", "vllm:gpu_cache_usage_perc", "0.11.0", "0.11.2"),
        ("vllm", "metrics", "vllm:prompt_tokens_recomputed", "0.16.0", "0.19.1"),
        ("vllm", "metrics", "vllm:kv_offload_store_bytes", "0.24.0", ""),
        ("vllm", "metrics", "vllm:cache_config_info", "0.11.0", ""),
        ("vllm", "arguments", "--calculate-kv-scales", "0.11.0", "0.27.1"),
        ("vllm", "arguments", "--api-key", "0.11.0", ""),
        ("vllm", "environment", "VLLM_FLASHINFER_MOE_BACKEND", "0.11.0", "0.23.0"),
        ("sglang", "metrics", "sglang:queue_time_s", "0.5.2", "0.5.2"),
        ("sglang", "arguments", "--model-path", "0.5.2", ""),
        ("sglang", "arguments", "--mem-fraction-static", "0.5.2", ""),
    ],
)
def test_entries_that_were_looked_up_by_hand(
    engine: str, section: str, name: str, first: str, last: str
) -> None:
    catalog = release_catalog(engine)
    spans = catalog.sections[section][name]  # type: ignore[index]
    assert (spans[0]["first"], spans[-1]["last"]) == (first, last or catalog.releases[-1])
