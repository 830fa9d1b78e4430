"""Labels and buckets that change under a name that stays: what a query asks of them."""

import re
import tarfile
from pathlib import Path

import pytest

from exporter.preflight.catalog import ReleaseCatalog
from exporter.preflight.finding import Finding, MatcherEdit, Place, Use
from exporter.preflight.labels import label_findings
from exporter.preflight.rewriting import bound_text
from exporter.preflight.shapes import MetricShapes
from exporter.preflight.sources.queries import Query, selectors

RECORDINGS = Path(__file__).parents[1] / "recordings"
SGLANG = RECORDINGS / "sglang-0.5.23-basic-cpu.tar.xz"
CATALOG = ReleaseCatalog(
    "vllm",
    ("1.0", "2.0", "3.0"),
    {
        "metrics": {
            "vllm:done": [
                {
                    "first": "1.0",
                    "last": "2.0",
                    "type": "counter",
                    "labels": ["finished_reason"],
                    "shared": True,
                },
                {
                    "first": "3.0",
                    "last": "3.0",
                    "type": "counter",
                    "labels": ["reason"],
                    "shared": True,
                },
            ],
            "vllm:wait": [
                {
                    "first": "1.0",
                    "last": "2.0",
                    "type": "histogram",
                    "labels": [],
                    "shared": True,
                    "buckets": [0.1, 0.3, 1.0],
                },
                {
                    "first": "3.0",
                    "last": "3.0",
                    "type": "histogram",
                    "labels": [],
                    "shared": True,
                    "buckets": [0.1, 0.5, 1.0],
                },
            ],
            "vllm:size": [
                {"first": "1.0", "last": "2.0", "type": "histogram", "buckets": [1.0, 2.0]},
                {"first": "3.0", "last": "3.0", "type": "histogram"},
            ],
        },
        "labels": {
            "model_name": [{"first": "1.0", "last": "3.0"}],
            "rank": [{"first": "1.0", "last": "1.0"}],
        },
        "arguments": {},
        "environment": {},
        "requires": {},
    },
)


def found(text: str, old: str = "2.0", new: str = "3.0", use: Use = "dashboard") -> list[Finding]:
    """Return what is found of every selector of a query."""
    query = Query(text, Place("rules.yaml"), use)
    shapes = MetricShapes(CATALOG, old, new)
    return [
        finding
        for selector in selectors(text)
        for finding in label_findings(
            query, selector, selector.name, selector.name.partition(":")[2], shapes
        )
    ]


@pytest.mark.parametrize(
    ("text", "severity", "written"),
    [
        (
            'sum(rate(vllm:done_total{finished_reason="abort",pod="a"}[5m]))',
            "error",
            'sum(rate(vllm:done_total{pod="a"}[5m]))',
        ),
        (
            'sum(rate(vllm:done_total{pod="a", finished_reason=~"abort|error" }[5m]))',
            "error",
            'sum(rate(vllm:done_total{pod="a"}[5m]))',
        ),
        ("sum(vllm:done_total{finished_reason='abort'})", "error", "sum(vllm:done_total)"),
        # a variable may stand for all of them
        ('sum(vllm:done_total{finished_reason=~"$why"})', "warning", "sum(vllm:done_total)"),
        # a shared label that went
        ('sum(vllm:done_total{rank="0"})', "error", "sum(vllm:done_total)"),
    ],
)
def test_a_selection_by_a_label_that_is_gone_is_told(
    text: str, severity: str, written: str
) -> None:
    (finding,) = found(text)
    assert (finding.kind, finding.severity) == ("label-removed", severity)
    assert finding.remedy == f"write {written}"


@pytest.mark.parametrize(
    "text",
    [
        'sum(vllm:done_total{finished_reason!="abort"})',
        'sum(vllm:done_total{finished_reason=""})',
        'sum(vllm:done_total{finished_reason=~".*"})',
        # labels of the collector, of the engine and of others' metrics
        'sum by (pod) (vllm:done_total{namespace="a",model_name="m",reason="abort"})',
        'sum(vllm:other_total{finished_reason="abort"})',
        "sum without (finished_reason) (vllm:done_total)",
        # buckets that the release works out at start
        'vllm:size_bucket{le="2.0"}',
    ],
)
def test_what_takes_the_series_as_before_is_no_finding(text: str) -> None:
    assert [each for each in found(text) if each.severity != "detail"] == []


def test_a_grouping_by_a_label_that_is_gone_is_told() -> None:
    (finding,) = found("sum by (pod, finished_reason) (rate(vllm:done_total[5m]))")
    assert (finding.kind, finding.severity) == ("label-removed", "warning")
    assert "falls together" in finding.text


def test_a_new_label_matters_where_series_are_not_added_up() -> None:
    (finding,) = found("rate(vllm:done_total[5m]) > 0")
    assert (finding.kind, finding.subject, finding.severity) == ("label-added", "reason", "detail")
    (acting,) = found("rate(vllm:done_total[5m]) > 0", use="autoscaler")
    assert acting.severity == "note"
    assert found("sum(rate(vllm:done_total[5m])) > 0") == []
    assert found("sum by (pod) (rate(vllm:done_total[5m])) > 0") == []


def test_a_release_is_held_against_all_others() -> None:
    (finding,) = found('sum(vllm:done_total{finished_reason="abort"})', "3.0", "3.0")
    assert "last in vllm 2.0" in finding.text
    assert found('sum(vllm:done_total{finished_reason="abort"})', "2.0", "2.0") == []


@pytest.mark.parametrize(
    ("bound", "severity", "near"), [("0.3", "error", "0.1"), ("0.30", "error", "0.1")]
)
def test_a_bucket_that_is_gone_is_told(bound: str, severity: str, near: str) -> None:
    text = f'sum(rate(vllm:wait_bucket{{le="{bound}"}}[5m])) / sum(rate(vllm:wait_count[5m]))'
    gone, changed = sorted(found(text), key=lambda each: each.kind)
    assert (gone.kind, gone.severity) == ("bucket-removed", severity)
    assert f'le="{near}"' in gone.remedy
    assert f'le="{bound}"' not in gone.remedy
    assert (changed.kind, changed.severity) == ("buckets-changed", "note")
    assert "0.3 go, 0.5 come" in changed.text


def test_a_bucket_that_never_was_may_be_one_that_an_option_sets() -> None:
    kinds = {each.kind: each.severity for each in found('vllm:wait_bucket{le="0.2"}', "3.0", "3.0")}
    assert kinds == {"bucket-removed": "detail"}


@pytest.mark.parametrize(
    ("value", "written"), [("1", "1.0"), (".1", "0.1"), ("1e0", "1.0"), ("inf", "+Inf")]
)
def test_a_bucket_in_another_spelling_takes_nothing(value: str, written: str) -> None:
    (finding,) = found(f'vllm:wait_bucket{{le="{value}"}}', "3.0", "3.0")
    assert (finding.kind, finding.severity) == ("bucket-removed", "error")
    assert finding.edit == MatcherEdit("vllm:wait_bucket", "le", "=", value, written)
    assert finding.remedy == f'write le="{written}"'


@pytest.mark.parametrize("page", [*(RECORDINGS.glob("vllm-0.2*.tar.xz")), SGLANG], ids=str)
def test_pages_of_the_engines_spell_buckets_so(page: Path) -> None:
    with tarfile.open(page) as archive:
        name = next(each for each in archive.getnames() if each.endswith(".prom"))
        member = archive.extractfile(name)
        assert member is not None
        text = member.read().decode()
    bounds = set(re.findall(r'_bucket\{[^}]*\ble="([^"]*)"', text))
    assert bounds
    assert {bound_text(float(bound)) for bound in bounds} == bounds


@pytest.mark.parametrize("matcher", ['!=""', '!~""', '=~".+"'])
def test_a_matcher_of_any_value_may_go_with_its_label(matcher: str) -> None:
    (finding,) = found(f'sum(vllm:done_total{{finished_reason{matcher},pod="a"}})')
    assert finding.edit is not None
    assert finding.edit.written is None
    assert finding.remedy == 'write sum(vllm:done_total{pod="a"})'


def test_a_matcher_of_one_value_is_not_corrected_for_anyone() -> None:
    (finding,) = found('sum(vllm:done_total{finished_reason="abort"})')
    assert finding.edit is None


@pytest.mark.parametrize("bound", ["0.1", "1.0", "+Inf", "$le", "x"])
def test_a_bucket_that_is_there_or_none_is_no_finding(bound: str) -> None:
    assert found(f'vllm:wait_bucket{{le="{bound}"}}', "3.0", "3.0") == []


def test_a_quantile_is_not_compared_over_other_buckets() -> None:
    (finding,) = found("histogram_quantile(0.9, sum by (le) (rate(vllm:wait_bucket[5m])))")
    assert finding.kind == "buckets-changed"
    assert (
        found("histogram_quantile(0.9, sum by (le) (rate(vllm:wait_bucket[5m])))", "1.0", "2.0")
        == []
    )
