"""Real pages and answers, small enough that one example takes milliseconds."""

from collections.abc import Mapping
from functools import cache

from exporter.replay.recording import Recording
from tests.conftest import RECORDINGS, cached_load

NAMES = ("vllm-dense-0.26.0", "vllm-0.32.0-dp2-cpu", "sglang-0.5.23-basic-cpu")


def recordings() -> list[Recording]:
    return [cached_load(RECORDINGS[name]) for name in NAMES]


@cache
def pages() -> tuple[str, ...]:
    """Return a page of each engine under load, with a few buckets of each histogram."""
    return tuple(_short(recording) for recording in recordings())


def _short(recording: Recording) -> str:
    text = [page.text for page in recording.pages if page.text is not None][-1]
    lines = [line for line in text.splitlines() if not line.startswith("# HELP")]
    buckets = [line for line in lines if "_bucket{" in line]
    kept = {line for line in buckets if 'le="1.0"' in line or 'le="+Inf"' in line}
    return "".join(f"{line}\n" for line in lines if "_bucket{" not in line or line in kept)


def answers(recording: Recording) -> Mapping[str, str]:
    """Return what a recorded server answered about itself, by path."""
    return {path: answer.body for path, answer in recording.answers.items() if answer.body}
