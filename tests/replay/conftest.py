"""Small recordings made by hand, for what the real ones do not show."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.replay.recording import (
    RecordedAnswer,
    RecordedPage,
    Recording,
    bundled_recordings,
    load_recording,
)

Record = Callable[..., Recording]
PAGE = """\
# TYPE process_start_time_seconds gauge
process_start_time_seconds {start}
# TYPE work_total counter
work_total {work}
# TYPE running gauge
running {running}
"""


def archives() -> dict[str, Path]:
    """Every real recording: those that ship with the package and those of the tests."""
    folder = Path(__file__).parents[1] / "recordings"
    tests = {path.name.removesuffix(".tar.xz"): path for path in folder.glob("*.tar.xz")}
    return dict(sorted((bundled_recordings() | tests).items()))


@pytest.fixture(params=archives())
def real(request: pytest.FixtureRequest) -> Recording:
    """Each real recording in turn."""
    return load_recording(archives()[request.param])


@pytest.fixture
def restarted() -> Recording:
    """The real server that was stopped and started again."""
    return load_recording(archives()["vllm-0.20.2-dev-restart-cpu"])


@pytest.fixture
def record() -> Record:
    """Return a maker of recordings: a page every 10 s, a number being the work done by then.

    None is a scrape without an answer; text stands as it is. The process started at 970 s, the
    first page is of 1000 s.
    """

    def make(*pages: float | str | None, version: str = "1.0", start: float = 970.0) -> Recording:
        def text(page: float | str | None) -> str | None:
            if page is None or isinstance(page, str):
                return page
            return PAGE.format(start=start, work=page, running=page % 7)

        return Recording(
            name=f"made-{version}",
            engine="vllm",
            engine_version=version,
            model="tiny",
            gpu=None,
            pages=tuple(RecordedPage(1000.0 + 10 * i, text(page)) for i, page in enumerate(pages)),
            variants=(),
            answers={"/version": RecordedAnswer(200, f'{{"version":"{version}"}}')},
            phases=(),
            nvml=(),
            manifest={},
        )

    return make
