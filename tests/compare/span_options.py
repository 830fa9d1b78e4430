"""Options of a comparison over the hours before and after a simulated upgrade."""

from typing import Any

from exporter.compare.options import Options
from tests.sim.comparison import START


def span_options(
    hours: tuple[float, float],
    url: str,
    baseline: str = "",
    candidate: str = "",
    **more: Any,
) -> Options:
    """Return options that ask about so many hours before and after the upgrade."""
    before, after = hours
    return Options(
        baseline,
        candidate,
        url,
        start=START - before * 3600,
        end=START + after * 3600,
        window=(before + after) * 3600,
        margin=0.03,
        warm_up=3600.0,
        **more,
    )
