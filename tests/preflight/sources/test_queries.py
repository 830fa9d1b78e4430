"""Queries as dashboards hold them: variables filled in, selectors taken out."""

import pytest

from exporter.preflight.sources.queries import UnreadableQueryError, selectors


@pytest.mark.parametrize(
    "text",
    [
        'sum(rate(vllm:a_total{model_name="$model"}[$__rate_interval]))',
        'sum(rate(vllm:a_total{model_name=~"${model:regex}"}[${__range}]))',
        "sum(rate(vllm:a_total[[[interval]]]))",
        "sum(rate(vllm:a_total[$interval:$step]))",
        "sum(rate(vllm:a_total[$interval:]))",
        "topk($limit, vllm:a_total)",
        "histogram_quantile($quantile, sum by (le, $by) (rate(vllm:a_total[5m])))",
        "histogram_quantile(0.$quantile, rate(vllm:a_total[5m]))",
        "sum by (${by:csv}) (vllm:a_total) > $threshold",
        "vllm:a_total{$matchers}",
        'vllm:a_total{job="x", $matchers}',
        "vllm:a_total offset $offset",
        "vllm:a_total @ ${__to}",
        "rate(vllm:a_total[5m])\n# what is asked $here\n",
        'vllm:a_total{instance=~"$host:$port"} * $factor',
    ],
)
def test_a_query_with_variables_is_read(text: str) -> None:
    assert {each.name for each in selectors(text)} == {"vllm:a_total"}


def test_every_selector_is_taken_out_where_it_stands() -> None:
    text = """
        max_over_time((sum(a) / on (x) group_left (y) b{x="1"})[1h:5m])
        or (c and d unless {__name__="e"}) ^ 2 or quantile_over_time(0.9, f[5m])
    """
    assert {each.name for each in selectors(text)} == set("abcdef")


def test_a_pattern_of_names_is_kept_as_such() -> None:
    (selector,) = selectors('{__name__=~"vllm:.*", job!="x"}')
    assert (selector.name, selector.name_pattern) == ("", "vllm:.*")
    assert selector.matchers == (("job", "!=", "x"),)


@pytest.mark.parametrize("text", ["sum(", "", "select * from x", "rate(x)"])
def test_what_is_no_promql_is_said_in_half_a_sentence(text: str) -> None:
    with pytest.raises(UnreadableQueryError) as error:
        selectors(text)
    assert "\n" not in str(error.value)
