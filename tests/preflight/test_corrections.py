"""Names corrected as text: the layout stays, longer names stay, diffs apply."""

import json

import pytest
import yaml

from exporter.preflight.corrections import Correction, corrected, corrections, difference
from exporter.preflight.finding import Finding, MatcherEdit, Place

BUCKET = MatcherEdit("vllm:t_bucket", "le", "=", "1", "1.0")
ANY = MatcherEdit("vllm:done_total", "rank", "=~", ".+", None)


def finding(file: str, subject: str, replacement: str) -> Finding:
    return Finding(
        "name-renamed", "error", "alert", Place(file), subject, "", replacement=replacement
    )


def test_whole_names_are_replaced_and_nothing_else() -> None:
    text = "a: vllm:x{y} # vllm:x\nb:   vllm:x_total vllm:x:rate5m my_vllm:x\n"
    assert corrected(text, Correction({"vllm:x": "vllm:z"})) == (
        "a: vllm:z{y} # vllm:z\nb:   vllm:x_total vllm:x:rate5m my_vllm:x\n"
    )


def test_the_longer_of_two_names_goes_first() -> None:
    names = {"vllm:x": "vllm:a", "vllm:x_bucket": "vllm:b_bucket"}
    assert corrected("vllm:x_bucket vllm:x", Correction(names)) == "vllm:b_bucket vllm:a"


def test_findings_are_corrections_by_file_and_an_unclear_one_stays() -> None:
    found = [
        finding("a", "x", "y"),
        finding("a", "x", "y"),
        finding("b", "x", "y"),
        finding("b", "x", "z"),
        finding("c", "x", ""),
    ]
    assert corrections(found) == {"a": Correction({"x": "y"})}


def test_a_difference_is_a_unified_diff() -> None:
    assert difference("f", "a\nb\n", "a\nc\n") == "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ('rate(vllm:t_bucket{le="1"}[5m])', 'rate(vllm:t_bucket{le="1.0"}[5m])'),
        (
            "a{le='1'} / vllm:t_bucket { pod=~\"$pod\", le = '1' }",
            "a{le='1'} / vllm:t_bucket { pod=~\"$pod\", le = '1.0' }",
        ),
        ('vllm:t_bucket{le="1",m="${model:regex}"}', 'vllm:t_bucket{le="1.0",m="${model:regex}"}'),
        # other bounds, labels and metrics
        ('vllm:t_bucket{le="10",le!="1",file="1"}', 'vllm:t_bucket{le="10",le!="1",file="1"}'),
        ('my_vllm:t_bucket{le="1"} + x:vllm:t_bucket{le="1"}', ""),
        ('sum(vllm:done_total{rank=~".+"})', "sum(vllm:done_total)"),
        ('vllm:done_total{a="b", rank=~".+"}', 'vllm:done_total{a="b"}'),
        ('vllm:done_total{rank=~".+", a="b"}', 'vllm:done_total{a="b"}'),
        ('vllm:done_total{a="b",rank=~".+",c="d",}', 'vllm:done_total{a="b",c="d"}'),
    ],
)
def test_matchers_are_edited_on_their_metric_alone(query: str, written: str) -> None:
    correction = Correction(edits=(BUCKET, ANY))
    wanted = written or query
    assert corrected(query, correction) == wanted
    # as a dashboard and a rule have it
    assert json.loads(corrected(json.dumps({"expr": query}), correction)) == {"expr": wanted}
    for style in ('"', "'", "|"):
        page = yaml.safe_dump({"expr": query}, default_style=style, width=1000)
        assert yaml.safe_load(corrected(page, correction)) == {"expr": wanted}


def test_a_matcher_and_a_name_of_one_query_are_both_corrected() -> None:
    correction = Correction({"vllm:t_bucket": "vllm:u_bucket"}, (BUCKET,))
    assert corrected('vllm:t_bucket{le="1"}', correction) == 'vllm:u_bucket{le="1.0"}'
    assert len(correction) == 2
    assert str(correction) == 'vllm:t_bucket, le="1"'
