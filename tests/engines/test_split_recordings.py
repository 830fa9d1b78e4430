"""A recorded page shown several times under a label nobody knows is that many engines."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.engines.catalog import engine_catalog, page_labels
from exporter.engines.plan import Snapshot
from exporter.engines.registry import ENGINES
from exporter.replay.recording import Recording
from tests.conftest import RECORDINGS, cached_load
from tests.pages import snapshot

NAMES = ("vllm-dense-0.26.0", "vllm-0.32.0-dp2-cpu", "sglang-0.5.23-basic-cpu")
KNOWN = {
    *page_labels().engines,
    *page_labels().dimensions,
    *page_labels().copies,
    *(label for engine in ENGINES for label in engine_catalog(engine).dimension_labels()),
    *("model_name", "engine", "dp_rank", "stage"),
}
OF_PROCESS = ("server_start_time_seconds", "http_responses_total")
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")

label_names = st.from_regex(r"[a-z][a-z_]{0,11}", fullmatch=True).filter(lambda n: n not in KNOWN)
label_values = st.lists(
    st.text("abcxyz0129:/.-", min_size=1, max_size=12), min_size=2, max_size=4, unique=True
)


def repeated(text: str, label: str, values: list[str]) -> str:
    """Return a page with every sample once for each value of a label."""
    lines = []
    for line in text.split("\n"):
        match = SAMPLE.match(line)
        if line.startswith("#") or match is None:
            lines.append(line)
            continue
        name, labels, number = match.groups()
        own = f"{labels}," if labels else ""
        lines += [f'{name}{{{own}{label}="{value}"}} {number}' for value in values]
    return "\n".join(lines)


def last_page(recording: Recording) -> str:
    return next(page.text for page in reversed(recording.pages) if page.text)


def of_engine(found: Snapshot, engine: str) -> dict[object, float]:
    """Return the samples of one engine, its name left out."""
    return {
        (one.family, one.suffix, tuple(p for p in one.labels if p[0] != "engine_index")): value
        for one, value in zip(found.plan.samples, found.values, strict=True)
        if one.label("engine_index") == engine and one.family not in OF_PROCESS
    }


@pytest.mark.parametrize("name", NAMES)
@given(label=label_names, values=label_values)
@settings(max_examples=6)
def test_as_many_engines_as_values_each_like_the_recorded_one(
    name: str, label: str, values: list[str]
) -> None:
    recording = cached_load(RECORDINGS[name])
    text = last_page(recording)
    one = snapshot(text, recording.engine_version)
    found = snapshot(repeated(text, label, values), recording.engine_version)
    assert one.plan.engines is not None
    assert found.plan.engines is not None
    assert len(found.plan.engines) == len(values) * len(one.plan.engines)
    assert len(found.plan.counting) == len(values) * len(one.plan.counting)
    assert found.plan.notes == one.plan.notes
    for family in one.plan.families() - {"server_start_time_seconds"}:
        total = one.total(family)
        assert found.total(family) == pytest.approx(total and total * len(values)), family
    for value in values:
        for engine in one.plan.engines:
            rank = f",{found_rank(one)}={engine}" if len(one.plan.engines) > 1 else ""
            assert of_engine(found, f"{label}={value}{rank}") == of_engine(one, engine)


def found_rank(found: Snapshot) -> str:
    return engine_catalog(found.plan.engine).engine_index


def test_a_recorded_page_is_one_server_without_a_label_in_its_way(
    every_recording: Recording,
) -> None:
    for page in every_recording.pages[:: max(1, len(every_recording.pages) // 4)]:
        if page.text:
            found = snapshot(page.text, every_recording.engine_version).plan
            assert found.engines is not None
            assert found.key == ()
            assert not any("label" in note for note in found.notes)
