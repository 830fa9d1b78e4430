"""Fixtures shared by all tests: the recordings, and the switch that renews golden files."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from exporter.replay.recording import Recording, bundled_recordings, load_recording

# the same examples on every machine, however slow it is
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "random", settings.get_profile("steady"), derandomize=False, max_examples=500
)
settings.load_profile("steady")

RECORDINGS = {
    **bundled_recordings(),
    **{
        path.name.removesuffix(".tar.xz"): path
        for path in sorted((Path(__file__).parent / "recordings").glob("*.tar.xz"))
    },
}
H200 = sorted(bundled_recordings())

cached_load = lru_cache(maxsize=None)(load_recording)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write golden files anew.")


@pytest.fixture
def recording() -> Callable[[str], Recording]:
    """Load a recording by its name."""
    return lambda name: cached_load(RECORDINGS[name])


@pytest.fixture(params=sorted(RECORDINGS))
def every_recording(request: pytest.FixtureRequest) -> Recording:
    """Each recording in turn."""
    return cached_load(RECORDINGS[request.param])


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a golden file, or write it with --update-golden."""

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text

    return check
