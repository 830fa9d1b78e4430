"""Every name that a query uses is published, and every name written by hand is a real one."""

import json
import re

from alerts import build
from alerts.values import load
from dashboards.build import dashboards
from exporter.publish.families import PUBLISHED
from exporter.vocabulary.engine import BUCKETS
from exporter.vocabulary.exporter import JUDGE
from exporter.vocabulary.family import PREFIX
from tests.dashboards import (
    panel_queries,
)
from tests.dashboards.used_names import JUDGED, PRICED, SWITCH, used


def published() -> set[str]:
    """Return every name the exporter and the rules give a series."""
    names = set[str]()
    for family in PUBLISHED:
        ends = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        names |= {f"{PREFIX}{family.name}{end}" for end in ends}
    return names | {record.record for record in build.records(PRICED)}


def test_no_query_uses_a_name_that_nobody_publishes() -> None:
    assert len(used()) > 150
    assert used() - published() == set()


def test_buckets_shown_by_default_are_those_that_rules_and_dashboards_read() -> None:
    read, switched = set[str](), set[str]()
    for dashboard in dashboards(load()).values():
        for panel in panel_queries.panels(dashboard):
            text = json.dumps(panel)
            names = set(re.findall(rf"{PREFIX}(\w+)_bucket", text))
            if SWITCH in text:
                switched |= names
                assert all(name in panel["description"] for name in names)
            else:
                read |= names
    everything = build.everything(load())
    exprs = [rule.expr for rule in build.records(everything)]
    exprs += [rule.expr for rule in build.alerts(everything)]
    read |= set(re.findall(rf"{PREFIX}(\w+)_bucket", " ".join(exprs)))
    assert read == set(BUCKETS)
    assert switched == {"queue_seconds", "prefill_seconds", "decode_seconds"}


def test_the_written_verdicts_have_the_names_that_the_judge_publishes() -> None:
    assert {f"{PREFIX}{family.name}" for family in JUDGE} == JUDGED
