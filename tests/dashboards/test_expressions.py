"""Every expression of the dashboards: its intervals, its selectors, its clusters."""

import re
from collections.abc import Iterator

from tests.dashboards.shipped import ALL, each_panel

_SELECTOR = re.compile(r"(?<![\w:])((?:\w+:)?inferfleet_[\w:]*)(\{[^}]*\})?")
_FUNCTION = re.compile(r"\b(rate|irate|increase)\(([^\[\]]*)\[([^\]]*)\]")


def each_expr() -> Iterator[tuple[str, str]]:
    for name, panel in each_panel():
        for target in panel.get("targets", ()):
            yield f"{name} / {panel['title']} / {target['refId']}", target["expr"]


# dashboard-linter: target-rate-interval-rule
def test_rates_use_the_rate_interval() -> None:
    # sums over the whole time shown are what these panels are about
    whole = ("$__range",)
    for where, expr in each_expr():
        for function, _, window in _FUNCTION.findall(expr):
            allowed = window == "$__rate_interval" or (window in whole and function == "increase")
            assert allowed, (where, function, window)


# dashboard-linter: target-job-rule, target-instance-rule
def test_selectors_filter_by_job_and_instance() -> None:
    excluded = {
        # recorded by Prometheus over all exporters, so they have neither label
        "recorded": re.compile(r"[a-z_]+:inferfleet_[\w:]+"),
        # published by `inferfleet judge` for a pair of releases; another job than the exporter's
        "judge": re.compile(r"inferfleet_upgrade_\w+"),
    }
    for where, expr in each_expr():
        for metric, matchers in _SELECTOR.findall(expr):
            if any(pattern.fullmatch(metric) for pattern in excluded.values()):
                continue
            assert 'job=~"$job",instance=~"$instance"' in matchers, (where, metric)


# dashboard-linter: target-counter-agg-rule
def test_counters_are_only_read_as_rates() -> None:
    for where, expr in each_expr():
        inside = "".join(selector for _, selector, _ in _FUNCTION.findall(expr))
        counters = re.findall(r"inferfleet_\w+_total\b", expr)
        # the number of a counter's series is no value of it
        counted = re.findall(r"count by \([\w, ]+\) \(inferfleet_\w+_total\b", expr)
        assert len(counters) == len(re.findall(r"inferfleet_\w+_total\b", inside)) + len(counted), (
            where
        )


def test_no_query_takes_two_clusters_for_one() -> None:
    entities = {"job", "instance", "target", "uuid", "model", "workload"}
    for where, expr in (
        *each_expr(),
        *((name, board["annotations"]["list"][0]["expr"]) for name, board in ALL.items()),
    ):
        # these two show one cluster at a time
        single = where.startswith(("server /", "upgrade /"))
        for operator, labels in re.findall(r"\b(by|on) \(([^)]+)\)", expr):
            names = set(labels.split(", "))
            if names & entities and not (single and operator == "by"):
                assert "cluster" in names, (where, labels)
        for _, matchers in _SELECTOR.findall(expr):
            assert 'cluster=~"$cluster"' in matchers, (where, matchers)
