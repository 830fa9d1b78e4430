"""A fleet's traffic as any Prometheus may answer: a plan comes of it, or one sentence."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.base.errors import CompareError
from exporter.bench_plan.fleet_traffic import fetch_traffic
from exporter.bench_plan.kubernetes import jobs
from exporter.bench_plan.lengths import MAX_TOKENS
from exporter.bench_plan.plan import Plan, plan_of
from exporter.bench_plan.shell import shell_script
from exporter.bench_plan.text import text
from exporter.compare.fleet.api import PrometheusApi
from exporter.compare.fleet.span import Span
from exporter.compare.options import parse_models
from exporter.fetch import BlockingClient, HttpResponse
from tests.bench_plan.fleet import BUCKETS, CELLS, SERVER, TOTALS
from tests.bench_plan.plans import REQUEST
from tests.fuzz.mutations import PIECES, encoded, mutated_documents
from tests.fuzz.refusals import refusal

SPAN = Span(1_770_000_000.0, 1_770_000_000.0 + 2 * 3600.0)
AMOUNTS = (
    *(
        "0",
        "-1",
        "1",
        "NaN",
        "+Inf",
        "-Inf",
        "1e-300",
        "1e-9",
        "0.5",
        "1e9",
        "3e38",
        "1e308",
        "1e999",
    ),
    *("1" * 30, "", "x", "1_0"),
)
ROWS: Mapping[str, dict[tuple[str, str], float]] = {
    **{
        f"load_{name}_total": {("batch", batch): amount for batch, amount in cells.items()}
        for name, cells in CELLS.items()
    },
    **{name: {("", ""): amount} for name, amount in TOTALS.items()},
    **{
        f"{name}_bucket": {("le", bound): amount for bound, amount in buckets.items()}
        for name, buckets in BUCKETS.items()
    },
}
"""Every series by its name and the label that it is asked by."""


@dataclass
class Answers:
    """What a Prometheus answers: the known fleet, with rows and labels that are otherwise."""

    amounts: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, str] = field(default_factory=dict)
    bodies: Mapping[str, Any] = field(default_factory=dict)

    def post_form(self, url: str, form: Mapping[str, Any], _: float) -> HttpResponse:
        """Answer as `BlockingClient.post_form` does."""
        if url.endswith("/series"):
            body = self.bodies.get("series", _success([{**SERVER, **self.labels}]))
            return HttpResponse(encoded(body), "application/json")
        name = re.findall(r"inferfleet_(\w+)\{", str(form["query"]))[0]
        moments = (float(form["start"]), float(form["end"]))
        rows = {} if name in self.missing else ROWS.get(name, {})
        result = [
            {
                "metric": {label: self.bounds.get(value, value)} if label else {},
                "values": [[moment, self.amounts.get(name, str(amount))] for moment in moments],
            }
            for (label, value), amount in rows.items()
        ]
        body = self.bodies.get(name, _success({"resultType": "matrix", "result": result}))
        return HttpResponse(encoded(body), "application/json")


def _success(data: object) -> dict[str, Any]:
    return {"status": "success", "data": data}


NAMES = sorted(ROWS)
TEXTS = st.sampled_from(
    (*PIECES, 'a"b', "a'b", "a\\b", "$(x)", "`x`", "-m", "org/x y", "%s", "{{a}}")
)
EMPTY = _success({"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "1"]]}]})
ANSWERS = st.builds(
    Answers,
    amounts=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(AMOUNTS), max_size=6),
    missing=st.frozensets(st.sampled_from(NAMES), max_size=4),
    labels=st.dictionaries(st.sampled_from(sorted(SERVER)), TEXTS, max_size=2),
    bounds=st.dictionaries(
        st.sampled_from(("8", "32", "idle", "500", "1500", "300", "+Inf")),
        st.sampled_from((*AMOUNTS, "500", "512", "idle", "8")),
        max_size=3,
    ),
    bodies=st.dictionaries(
        st.sampled_from((*NAMES, "series")),
        mutated_documents(EMPTY, _success([SERVER])),
        max_size=1,
    ),
)


def planned(answers: Answers) -> Plan:
    """Return the plan that comes of what a Prometheus answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockingClient, "post_form", lambda _, *asked: answers.post_form(*asked))
        api = PrometheusApi("http://127.0.0.1:1", sleep=lambda seconds: None)
        return plan_of(fetch_traffic(api, parse_models('target=~".*"'), SPAN), REQUEST)


def test_the_fleet_as_it_is_has_a_plan() -> None:
    assert planned(Answers()).shape.prompt_tokens == 1000


@given(ANSWERS)
@example(Answers(amounts={"load_seconds_total": "1e-300"}))
@example(Answers(amounts={"request_prompt_tokens_sum": "3e38"}))
@example(Answers(amounts={"request_prompt_tokens_bucket": "3e38"}))
@example(Answers(bounds={"1500": "1e308"}))
@example(Answers(bounds={"500": "0", "1500": "0"}))
@example(Answers(labels={"engine": "\n"}))
@example(Answers(labels={"target": "\n"}, bodies={"load_seconds_total": None}))
@example(
    Answers(
        amounts={"prefix_cache_hit_tokens_total": "-1"},
        missing=frozenset({"prompt_tokens_cached_total"}),
    )
)
@example(Answers(labels={"model": "a\"b'$(x)`y`\\ z"}))
def test_a_plan_or_one_sentence(answers: Answers) -> None:
    plans = list[Plan]()
    refusal(CompareError, lambda: plans.append(planned(answers)))
    for plan in plans:
        check(plan)


def check(plan: Plan) -> None:
    """Hold what every plan has: printable lines, whole numbers, commands that a shell reads."""
    assert all(line.isprintable() for line in text(plan).splitlines())
    json.dumps(plan.document(), allow_nan=False)
    shape = plan.shape
    assert shape.prompt_tokens > shape.prefix_tokens >= 0
    assert 0 < shape.output_tokens < MAX_TOKENS
    assert shape.prompt_tokens < MAX_TOKENS
    for point in plan.points:
        assert 0 < point.concurrency <= point.prompts
        assert point.concurrency <= 1e6
        for command in (plan.measured(point, "runs/x.json"), plan.warm_up(point)):
            assert shlex.split(shlex.join(command)) == list(command)
            assert "\0" not in "".join(command)
    sides = {"baseline": "serve a", "candidate": "serve b"}
    shell_script(plan, sides)
    jobs(plan, {side: "image" for side in sides}, sides, 1)
