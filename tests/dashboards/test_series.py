"""How many series a server has, as docs/scale.md says: of the replayed fleet after its upgrade."""

import re
from collections import Counter
from collections.abc import Collection

from exporter.vocabulary.engine import BUCKETS, HISTOGRAMS
from scripts import generate
from tests.dashboards import replayed_fleet

SHAPE = replayed_fleet.Shape(seconds=1800.0, upgrade=900.0, outage=1800.0)


def series_by_server(buckets: Collection[str]) -> Counter[str]:
    """Return how many series each server of the fleet has at the end of half an hour."""
    *_, (_, text) = replayed_fleet.pages(SHAPE, buckets)
    return Counter(re.findall(r'\{target="([^"]*)"', text))


def test_the_series_of_a_server_are_as_many_as_documented() -> None:
    page = (generate.ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    for title, buckets in (
        ("series of one server", BUCKETS),
        ("the same with all buckets", HISTOGRAMS),
    ):
        (written,) = re.findall(rf"^\| {title} \| (\d+ to \d+) ", page, re.M)
        counts = series_by_server(buckets).values()
        assert f"{min(counts)} to {max(counts)}" == written
