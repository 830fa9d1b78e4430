"""The whole verdict on fleets whose truth is known, and on what must not be compared."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exporter.base.errors import CompareError
from exporter.compare.assess.claim import parse_claim
from exporter.compare.assess.comparison import Question, compare
from exporter.compare.assess.result import Comparison, MeasureResult
from exporter.compare.fleet.matchers import Matcher, parse_matchers
from exporter.compare.fleet.windows import Fleet, ServerFacts, ServerKey, Windows
from tests.sim.comparison import NEW, OLD, START, simulate_comparison
from tests.sim.engine import Shape
from tests.sim.scenario import SCENARIOS

QUESTION = Question(
    parse_matchers(f'version="{OLD}"', "--baseline"),
    parse_matchers(f'version="{NEW}"', "--candidate"),
    detail=False,
    margin=0.03,
    warm_up=3600.0,
)


def judged(fleet: Fleet, question: Question = QUESTION) -> Comparison:
    comparisons = compare(fleet, question)
    assert len(comparisons) == 1
    return comparisons[0]


def measure(comparison: Comparison, name: str) -> MeasureResult:
    return next(m for m in comparison.measures if m.measure == name)


def with_fewer_hits(fleet: Fleet) -> Fleet:
    """Return the fleet with half of the candidate's prefix-cache hits taken away."""
    lookups = fleet.lookups
    assert lookups is not None
    candidate = np.array([s.release == NEW for s in fleet.windows.servers])[lookups.server]
    fewer = replace(lookups, hit=np.where(candidate, 0.5 * lookups.hit, lookups.hit))
    return replace(fleet, lookups=fewer)


@pytest.mark.parametrize("shape", ["dense", "moe"])
@pytest.mark.parametrize("scenario", ["none", "low traffic", "all at once"])
def test_a_release_compared_with_itself_is_never_called(shape: Shape, scenario: str) -> None:
    for seed in (2001,):
        fleet = simulate_comparison(seed, 0.0, SCENARIOS[scenario], shape)
        comparison = judged(fleet)
        assert comparison.design == "difference in differences"
        assert comparison.measures[0].verdict in ("equivalent", "inconclusive"), comparison.headline


@pytest.mark.parametrize("shape", ["dense", "moe"])
@pytest.mark.parametrize(
    ("change", "verdict"), [(-0.05, "regression"), (-0.10, "regression"), (0.56, "improvement")]
)
def test_a_change_is_found(shape: Shape, change: float, verdict: str) -> None:
    for seed in (2003,):
        comparison = judged(simulate_comparison(seed, change, shape=shape))
        result = comparison.measures[0].estimate
        assert result is not None
        assert comparison.verdict == verdict
        assert result.lower < 1 + change < result.upper
        # with few prompts' noise a mixture of experts' 5 % of prefill need not show
        also = {"inconclusive"} if (shape, change) == ("moe", -0.05) else set()
        assert measure(comparison, "prefill").verdict in {verdict} | also


def test_the_designs() -> None:
    before = judged(simulate_comparison(2005, -0.10, share=1.0, before=24, after=26))
    assert before.design == "before and after"
    assert before.verdict == "regression"
    beside = judged(simulate_comparison(2006, -0.10, before=1, after=7))
    assert beside.design == "side by side"
    assert beside.verdict == "regression"


def test_a_short_before_and_after_is_not_comparable() -> None:
    for change in (0.0, -0.10):
        fleet = simulate_comparison(2007, change, share=1.0, before=6, after=7, roll=0.0)
        comparison = judged(fleet)
        assert comparison.verdict == "not_comparable"
        assert "hour of the day" in comparison.measures[0].reason
        # no more time of the candidate makes a day of the baseline
        assert comparison.measures[0].remedy == (
            "put two servers back on the baseline for 75 min at most"
        )
        assert comparison.measures[0].estimate is None
        assert comparison.measures[0].observed_ratio is not None


def test_too_few_servers_are_not_comparable() -> None:
    comparison = judged(simulate_comparison(2008, -0.10, servers=2, before=1, after=7))
    assert comparison.verdict == "not_comparable"
    assert "1 server ran the baseline and 1 the candidate" in comparison.headline


def test_a_time_without_any_window_is_not_comparable() -> None:
    fleet = simulate_comparison(7, -0.05, servers=4, before=8, after=5)
    none = fleet.windows.where(np.zeros(len(fleet.windows), dtype=bool))
    comparison = judged(replace(fleet, windows=none))
    assert comparison.verdict == "not_comparable"
    assert comparison.measures[0].reason.startswith("no window of 5 min has data yet of the 4")


def test_the_effect_by_batch_range_and_a_claim() -> None:
    fleet = simulate_comparison(2009, 0.10)
    comparison = judged(fleet, replace(QUESTION, detail=True, claim=parse_claim("+56%")))
    decode = comparison.measures[0]
    assert {part.verdict for part in decode.ranges if part.token_share > 0.2} == {"improvement"}
    assert sum(part.token_share for part in decode.ranges) == pytest.approx(1.0, abs=0.02)
    assert len(decode.cells) > len(decode.ranges)
    assert comparison.claim is not None
    assert comparison.claim.holds is False
    assert "does not hold" in comparison.claim.text
    claim = judged(fleet, replace(QUESTION, claim=parse_claim("+5 %"))).claim
    assert claim is not None
    assert claim.holds is True


def test_no_overlap_of_load_is_not_comparable_before_and_after() -> None:
    fleet = simulate_comparison(2010, 0.0, share=1.0, before=24, after=26)
    windows = fleet.windows
    candidate = np.array([s.release == NEW for s in windows.servers])[windows.server]
    tokens = windows.column("prefill_tokens")
    other = {**windows.sums, "prefill_tokens": np.where(candidate, 40.0 * tokens, tokens)}
    comparison = judged(replace(fleet, windows=replace(windows, sums=other)))
    assert comparison.verdict == "not_comparable"
    assert "prefill share" in comparison.measures[0].reason
    assert next(g for g in comparison.checks if g.name == "overlap").outcome == "failed"


def test_another_model_gpu_or_class_is_not_compared() -> None:
    fleet = simulate_comparison(2011, 0.0, before=1, after=4)

    def changed(**fields: Any) -> Fleet:
        servers = tuple(
            replace(s, **fields) if s.release == NEW else s for s in fleet.windows.servers
        )
        return replace(fleet, windows=replace(fleet.windows, servers=servers))

    assert compare(changed(model="other"), QUESTION) == ()
    comparison = judged(changed(server_class="fedcba98"))
    assert comparison.verdict == "not_comparable"
    assert "different classes" in comparison.headline
    quantised = tuple(
        ServerFacts({**f.labels, "quantization": "fp8" if f.labels["release"] == NEW else "none"})
        for f in fleet.facts
    )
    other = judged(replace(fleet, facts=quantised))
    assert "quantization is none on the baseline and fp8 on the candidate" in other.headline


def test_a_meaning_change_takes_its_measure_out_and_leaves_the_others() -> None:
    fleet = simulate_comparison(2012, 0.0)
    versions = {OLD: "0.26.0", NEW: "0.27.0"}
    fleet = with_fewer_hits(fleet)
    facts = tuple(
        ServerFacts({**f.labels, "version": versions[f.labels["release"]]}, f.limits, f.starts)
        for f in fleet.facts
    )
    comparison = judged(
        replace(fleet, facts=facts),
        replace(
            QUESTION,
            baseline=(Matcher("release", "=", OLD),),
            candidate=(Matcher("release", "=", NEW),),
        ),
    )
    hits = measure(comparison, "hit_ratio")
    assert hits.verdict == "not_comparable"
    assert "0.27.0" in hits.reason
    assert comparison.measures[0].verdict in ("equivalent", "inconclusive")
    assert any("meaning with 0.27.0" in text for text in comparison.hit_ratio_causes)


def test_two_engines_are_compared_without_what_they_count_differently() -> None:
    fleet = simulate_comparison(2013, -0.10)
    servers = tuple(
        replace(s, engine="sglang" if s.release == NEW else "vllm") for s in fleet.windows.servers
    )
    facts = tuple(
        ServerFacts(
            {**f.labels, "engine": "sglang"} if f.labels["release"] == NEW else f.labels,
            f.limits,
            f.starts,
        )
        for f in fleet.facts
    )
    comparison = judged(
        replace(fleet, windows=replace(fleet.windows, servers=servers), facts=facts),
        replace(
            QUESTION,
            baseline=parse_matchers('engine="vllm"', ""),
            candidate=parse_matchers('engine="sglang"', ""),
        ),
    )
    assert comparison.verdict == "regression"
    assert comparison.engine == "sglang"
    assert measure(comparison, "hit_ratio").reason == "the two engines count it differently"


@pytest.mark.parametrize(("tokens", "known"), [(510_000.0, True), (36_000.0, False)])
def test_context_that_two_releases_count_differently_is_not_corrected_for(
    tokens: float, known: bool
) -> None:
    fleet = simulate_comparison(2014, 0.0)
    old = [f.labels["release"] != NEW for f in fleet.facts]
    windows = fleet.windows
    # an old release whose blocks are taken for smaller than they are counts less context
    scale = np.where(np.asarray(old)[windows.server], tokens / 500_000.0, 1.0)
    context = windows.column("context_token_seconds") * scale
    sums = {**windows.sums, "context_token_seconds": context}
    facts = tuple(
        replace(f, limits={**f.limits, "kv_cache_capacity_tokens": tokens if is_old else 500_000.0})
        for f, is_old in zip(fleet.facts, old, strict=True)
    )
    counted = replace(fleet, windows=replace(windows, sums=sums), facts=facts)
    comparison = judged(counted, replace(QUESTION, detail=True))
    assert comparison.verdict == "equivalent"
    texts = [check.text for check in comparison.checks if check.name == "covariates"]
    assert (texts == []) == known
    assert len(texts) <= 1
    subgroups = {subgroup.name for subgroup in comparison.measures[0].subgroups}
    assert ("context" in " ".join(subgroups)) == known


def test_known_causes_of_a_moved_hit_rate() -> None:
    fleet = simulate_comparison(2014, 0.0)
    facts = tuple(
        ServerFacts(
            f.labels,
            {
                "kv_cache_capacity_tokens": 250_000.0 if f.labels["release"] == NEW else 500_000.0,
                "block_size": 784.0 if f.labels["release"] == NEW else 16.0,
            },
            f.starts,
        )
        for f in fleet.facts
    )
    comparison = judged(replace(with_fewer_hits(fleet), facts=facts))
    assert measure(comparison, "hit_ratio").verdict == "regression"
    causes = " ".join(comparison.hit_ratio_causes)
    assert "block size is 16 on the baseline and 784" in causes
    assert "holds 50% of the baseline's tokens" in causes
    assert "these versions count its tokens in different ways" in causes
    assert {d.name for d in comparison.differences} >= {"KV cache, tokens"}


def test_speculation_is_compared_where_there_is_any() -> None:
    fleet = simulate_comparison(2015, 0.0)
    windows = fleet.windows
    candidate = np.array([s.release == NEW for s in windows.servers])[windows.server]
    noise = 1 + 0.02 * np.random.default_rng(0).standard_normal(len(windows))
    drafted = 2.0 * windows.column("decode_tokens")
    sums = {
        **windows.sums,
        "spec_draft_tokens": drafted,
        "spec_accepted_tokens": drafted * np.where(candidate, 0.6, 0.7) * noise,
    }
    comparison = judged(replace(fleet, windows=replace(windows, sums=sums)))
    result = measure(comparison, "speculation")
    assert result.verdict == "regression"
    assert result.estimate is not None
    assert result.estimate.ratio == pytest.approx(0.6 / 0.7, rel=0.02)


def test_an_unknown_covariate_is_told_and_unknown_energy_is_absent() -> None:
    fleet = simulate_comparison(2016, -0.10)
    sums = {
        name: values
        for name, values in fleet.windows.sums.items()
        if name not in ("context_token_seconds", "joules")
    }
    comparison = judged(replace(fleet, windows=replace(fleet.windows, sums=sums)))
    assert comparison.verdict == "regression"
    assert any("context is not known" in check.text for check in comparison.checks)
    assert "energy" not in {m.measure for m in comparison.measures}


def test_of_many_models_the_one_that_fell_is_found() -> None:
    """Holm keeps a clear regression and twenty alike models call none."""
    fleets = [simulate_comparison(2100 + i, -0.10 if i == 3 else 0.0, after=4) for i in range(4)]
    servers: list[ServerKey] = []
    facts: list[ServerFacts] = []
    parts: list[Windows] = []
    offsets = list[int]()
    for i, fleet in enumerate(fleets):
        offsets.append(len(servers))
        servers += [
            replace(s, model=f"m{i}", target=f"{i}-{s.target}") for s in fleet.windows.servers
        ]
        facts += [
            ServerFacts({**f.labels, "model": f"m{i}"}, f.limits, f.starts) for f in fleet.facts
        ]
        parts.append(fleet.windows)
    merged = Windows(
        tuple(servers),
        np.concatenate([p.server + o for p, o in zip(parts, offsets, strict=True)]),
        np.concatenate([p.time for p in parts]),
        np.concatenate([p.batch for p in parts]),
        300.0,
        {name: np.concatenate([p.column(name) for p in parts]) for name in parts[0].sums},
    )
    comparisons = compare(Fleet(merged, tuple(facts)), QUESTION)
    assert [
        comparison.model for comparison in comparisons if comparison.verdict == "regression"
    ] == ["m3"]
    assert not [comparison for comparison in comparisons if comparison.verdict == "improvement"]


def test_warm_up_windows_are_left_out() -> None:
    comparison = judged(simulate_comparison(2017, 0.0))
    check = next(check for check in comparison.checks if check.name == "warm-up")
    assert check.outcome == "corrected"
    assert comparison.candidate_start is not None
    assert START + 600 <= comparison.candidate_start < START + 3600
    assert "the candidate settled" in check.text


@pytest.mark.parametrize("text", ["much", "-100%", ""])
def test_a_claim_that_is_none(text: str) -> None:
    with pytest.raises(CompareError, match="--claim"):
        parse_claim(text)


def test_a_side_of_which_nothing_was_kept_has_its_name() -> None:
    fleet = simulate_comparison(7, -0.05, servers=4, before=8, after=0.3)
    comparison = judged(fleet, replace(QUESTION, warm_up=1e9))
    assert (comparison.candidate.servers, comparison.candidate.releases) == (0, (NEW,))
    assert NEW in comparison.headline
