"""Bounds of buckets: one spelling, and none lost."""

from exporter.replay.recording import Recording
from exporter.vocabulary.engine import FAMILIES
from tests.engines.v1_page import V1
from tests.pages import snapshot, values


def test_bucket_bounds_have_one_spelling() -> None:
    page = (
        'vllm:time_to_first_token_seconds_bucket{engine="0",le="%s",model_name="m"} 1\n'
        'vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 1\n'
    )
    for text, bound in (("1", "1.0"), ("1.0", "1.0"), ("1e-3", "0.001"), ("+Inf", "+Inf")):
        found = snapshot(V1 + page % text)
        assert list(values(found, "time_to_first_token_seconds", "_bucket")) == [
            f"engine_index=0,le={bound}"
        ]


def test_recorded_histograms_keep_their_buckets(every_recording: Recording) -> None:
    text = next(page.text for page in reversed(every_recording.pages) if page.text)
    found = snapshot(text, every_recording.engine_version)
    for family in FAMILIES:
        if family.kind != "histogram":
            continue
        buckets = values(found, family.name, "_bucket")
        counts = values(found, family.name, "_count")
        infinite = [value for key, value in buckets.items() if key.endswith("le=+Inf")]
        assert sorted(infinite) == sorted(counts.values())
