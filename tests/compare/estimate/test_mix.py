"""Requests that differ between the sides: seen, and what depends on them not compared."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.assess.comparison import compare
from exporter.compare.assess.result import Comparison
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import Fleet
from tests.compare.assess.test_comparison import QUESTION, measure
from tests.sim.comparison import NEW, simulate_comparison
from tests.sim.scenario import Scenario


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return simulate_comparison(5, scenario=Scenario(neighbours=-1.0))


def newer(fleet: Fleet) -> Floats:
    candidate = np.array([server.release == NEW for server in fleet.windows.servers])
    return candidate[fleet.windows.server].astype(float)


def with_columns(fleet: Fleet, **columns: Floats) -> Fleet:
    windows = fleet.windows
    return replace(fleet, windows=replace(windows, sums={**windows.sums, **columns}))


def with_drafts(fleet: Fleet, accepted: Floats) -> Fleet:
    """Return the fleet with speculation: each step makes a token and `accepted` drafts more."""
    steps = fleet.windows.column("decode_tokens")
    return with_columns(
        fleet,
        decode_tokens=steps * (1.0 + accepted),
        metered_decode_tokens=steps * (1.0 + accepted),
        spec_draft_tokens=3.0 * steps,
        spec_accepted_tokens=accepted * steps,
    )


def judged(fleet: Fleet) -> Comparison:
    return compare(fleet, QUESTION)[0]


def mix(comparison: Comparison) -> tuple[str, str]:
    check = next(check for check in comparison.checks if check.name == "mix")
    return check.outcome, check.text


def test_sides_that_are_asked_alike(fleet: Fleet) -> None:
    outcome, text = mix(judged(fleet))
    assert outcome == "passed"
    assert "prompts to compute" in text
    assert "outputs" in text


def test_longer_prompts_of_one_side(fleet: Fleet) -> None:
    """Half as many requests with the same tokens: prompts are twice as long."""
    requests = fleet.windows.column("first_tokens")
    fewer = with_columns(fleet, first_tokens=requests / (1.0 + newer(fleet)))
    comparison, alike = judged(fewer), judged(fleet)
    outcome, text = mix(comparison)
    assert outcome == "noted"
    assert "prompts to compute +" in text
    prefill = measure(comparison, "prefill")
    assert prefill.verdict == "not_comparable"
    assert "asked other things" in prefill.reason
    # decoding is compared all the same, less surely
    wide, narrow = comparison.measures[0].estimate, alike.measures[0].estimate
    assert wide is not None
    assert narrow is not None
    assert wide.stderr > 1.5 * narrow.stderr


def test_latency_without_shared_loads_needs_like_requests(fleet: Fleet) -> None:
    """Six times as slow, the candidate shares no batch with the baseline; its demand does."""
    newer_rows = newer(fleet)
    of_sequences = ("decode_sequence_seconds", "context_token_seconds")
    longer = {name: fleet.windows.column(name) * (1.0 + 5.0 * newer_rows) for name in of_sequences}
    slow = with_columns(fleet, **longer)
    called = judged(slow)
    assert measure(called, "inter_token_latency").verdict == "regression"
    assert called.measures[0].direction_only
    fewer = slow.windows.column("first_tokens") / (1.0 + newer_rows)
    refused = judged(with_columns(slow, first_tokens=fewer))
    assert measure(refused, "inter_token_latency").verdict == "not_comparable"
    assert "asked other things" in measure(refused, "inter_token_latency").reason
    assert refused.verdict == "not_comparable"


def test_longer_prompts_tell_nothing_of_the_hit_rate(fleet: Fleet) -> None:
    """All tokens of a prompt are looked up, cached or not: twice as many are other prompts."""
    assert fleet.lookups is not None
    factor = 1.0 + np.array([server.release == NEW for server in fleet.windows.servers])
    longer = factor[fleet.lookups.server]
    lookups = replace(
        fleet.lookups, queried=fleet.lookups.queried * longer, hit=fleet.lookups.hit * longer
    )
    comparison = judged(replace(fleet, lookups=lookups))
    assert "prompts +" in mix(comparison)[1]
    refused = measure(comparison, "hit_ratio")
    assert refused.verdict == "not_comparable"
    assert "asked other things (prompts +" in refused.reason
    assert measure(comparison, "prefill").verdict != "not_comparable"


def test_unknown_requests_are_noted(fleet: Fleet) -> None:
    sums = {name: values for name, values in fleet.windows.sums.items() if name != "first_tokens"}
    blind = replace(fleet, windows=replace(fleet.windows, sums=sums), lookups=None)
    assert mix(judged(blind))[0] == "noted"


def test_what_is_accepted_is_no_speed_of_decoding(fleet: Fleet) -> None:
    """A step that makes more tokens, for what it is asked, takes no less time."""
    plain, drafted = judged(fleet), judged(with_drafts(fleet, 1.0 + 0.5 * newer(fleet)))
    for name in ("decode", "energy"):
        old, new = measure(plain, name).estimate, measure(drafted, name).estimate
        assert old is not None
        assert new is not None
        assert new.ratio == pytest.approx(old.ratio)
    # outputs are longer too, and what is accepted hangs on what is asked
    assert measure(drafted, "speculation").verdict == "not_comparable"


def test_steps_are_compared_only_where_both_sides_draft(fleet: Fleet) -> None:
    """Beside a baseline without drafts, twice the tokens in the same time are twice as fast."""
    one_sided = with_drafts(fleet, 1.0 * newer(fleet))
    drafts = fleet.windows.column("decode_tokens") * 3.0 * newer(fleet)
    comparison = judged(with_columns(one_sided, spec_draft_tokens=drafts))
    assert comparison.verdict == "improvement"
