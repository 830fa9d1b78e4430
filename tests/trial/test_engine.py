"""The engine of the trials loses no token, obeys Little's law, and knows what an effect does."""

from typing import Any

import numpy as np
import pytest

from scripts.trial.engine import run_engine
from scripts.trial.profile import PROFILES, Array, Factors, Model, products
from scripts.trial.state import (
    COUNTS,
    INTERVAL,
    Requests,
    Surroundings,
    new_jobs,
    new_state,
    new_tables,
)
from scripts.trial.traffic import with_rates

SPAN = 600.0
STILL = Surroundings(0.0, SPAN, np.ones(1), np.full(1, 25.0), 1.0, 1.0)


def requests(count: int, model: Model = "dense", output: float = 200.0) -> Requests:
    random = np.random.default_rng(1)
    prompt = np.round(random.uniform(100, 6000, count))
    plain = Requests(
        np.sort(random.uniform(0, 0.5 * SPAN, count)),
        np.zeros(count, dtype=np.int64),
        prompt,
        np.floor(0.3 * prompt),
        np.zeros(count),
        np.round(random.uniform(2, 2 * output, count)),
        np.ones(count),
        np.ones(count),
    )
    return with_rates(plain, np.full(count, 0.6), 1.0, PROFILES[model].drafts)


def counts_of(
    arrivals: Requests, model: Model = "dense", factors: Factors | None = None, **changed: Any
) -> tuple[Any, Array]:
    profile = PROFILES[model]._replace(**changed)
    intervals = round(SPAN / INTERVAL)
    counts, gauges = np.zeros(intervals, dtype=COUNTS), np.zeros((intervals + 1, 2))
    run_engine(
        new_state(0.0, 0, INTERVAL),
        new_jobs(arrivals),
        new_tables(warm=True),
        profile,
        products(profile),
        factors or Factors(),
        STILL,
        counts,
        gauges,
        SPAN,
        7,
    )
    return counts, gauges


@pytest.mark.parametrize("model", ["dense", "moe", "speculating"])
@pytest.mark.parametrize("capacity", [400_000.0, 20_000.0])
def test_every_token_is_made_once(model: Model, capacity: float) -> None:
    arrivals = requests(150, model, output=1500.0)
    counts, _ = counts_of(arrivals, model, capacity=capacity)
    assert (counts["preemptions"].sum() > 0) == (capacity < 100_000)
    assert counts["first_tokens"].sum() == 150
    made = counts["decode_tokens"].sum() + counts["first_tokens"].sum()
    assert made == pytest.approx(arrivals.output.sum())
    assert counts["finished_tokens"].sum() == pytest.approx(arrivals.output.sum())
    assert counts["prefill_tokens"].sum() == (arrivals.prompt - arrivals.hit).sum()
    assert counts["finished_prefill_tokens"].sum() == counts["prefill_tokens"].sum()
    assert counts["queried_tokens"].sum() == arrivals.prompt.sum()
    assert counts["hit_tokens"].sum() == arrivals.hit.sum()


def test_a_drafted_token_is_accepted_or_not() -> None:
    arrivals = requests(300, "speculating")
    counts, _ = counts_of(arrivals, "speculating")
    drafted, accepted = counts["spec_draft_tokens"].sum(), counts["spec_accepted_tokens"].sum()
    steps = drafted / PROFILES["speculating"].drafts
    assert counts["decode_tokens"].sum() == pytest.approx(accepted + steps)
    # of drafts each accepted with 0.6 if the one before is
    assert accepted / drafted == pytest.approx((0.6 + 0.36 + 0.216) / 3, rel=0.02)


def test_sequence_seconds_are_the_time_that_sequences_decode() -> None:
    alone = requests(1, output=4000.0)
    counts, gauges = counts_of(alone)
    busy = counts["busy_seconds"].sum()
    decoding = busy - counts["finished_prefill_seconds"].sum()
    assert counts["decode_sequence_seconds"].sum() == pytest.approx(decoding)
    first_token = counts["first_token_seconds"].sum()
    assert first_token == pytest.approx(counts["finished_prefill_seconds"].sum(), abs=1e-6)
    assert gauges[:, 0].max() <= alone.prompt[0] + alone.output[0]


def test_resident_tokens_are_those_of_the_sequences() -> None:
    counts, gauges = counts_of(requests(600))
    assert gauges[-1, 0] == 0
    assert counts["decode_sequence_seconds"][-1] == 0
    mean_batch = counts["decode_sequence_seconds"].sum() / counts["busy_seconds"].sum()
    mean_context = gauges[:, 0].sum() * INTERVAL / counts["busy_seconds"].sum()
    assert 1000 < mean_context / mean_batch < 6000


@pytest.mark.parametrize(
    ("factors", "least", "most"),
    [
        (Factors(whole=1 / 0.9), 0.899, 0.902),
        (Factors(decode=1 / 0.9), 0.899, 0.915),
        (Factors(attention=1 / 0.7), 0.95, 0.999),
        (Factors(prefill=1 / 0.9), 0.999, 1.0),
        (Factors(wide=1 / 0.8), 1.0, 1.0),
    ],
)
def test_truth_is_what_two_engines_show_under_one_load(
    factors: Factors, least: float, most: float
) -> None:
    # a lone sequence has the same batch on both, so that its own times are the answer
    alone = requests(1, output=4000.0)
    (old, _), (new, _) = counts_of(alone), counts_of(alone, factors=factors)
    spent, baseline = "decode_sequence_seconds", "decode_baseline_seconds"
    shown = old[spent].sum() / new[spent].sum()
    truth = new[baseline].sum() / new[spent].sum()
    assert shown == pytest.approx(truth, abs=0.002)
    assert least <= truth <= most
    assert old[baseline].sum() == pytest.approx(old[spent].sum())


def test_fewer_accepted_tokens_leave_the_step_as_it_was() -> None:
    arrivals = requests(1, "speculating", output=4000.0)
    worse = with_rates(arrivals, np.full(1, 0.6), 0.8, PROFILES["speculating"].drafts)
    (old, _), (new, _) = (counts_of(each, "speculating") for each in (arrivals, worse))
    assert new["decode_baseline_seconds"].sum() == pytest.approx(
        new["decode_sequence_seconds"].sum()
    )
    shares = [
        each["spec_accepted_tokens"].sum() / each["spec_draft_tokens"].sum() for each in (old, new)
    ]
    truth = new["spec_accepted_tokens"].sum() / new["spec_accepted_baseline_tokens"].sum()
    assert shares[1] / shares[0] == pytest.approx(truth, abs=0.002)
    assert truth < 0.8


def test_a_mixture_of_experts_rises_steeply_and_then_hardly() -> None:
    time = products(PROFILES["moe"])
    assert time[8] / time[1] > 2
    assert time[256] / time[128] < 1.15


def test_small_batches_of_a_dense_model_are_almost_free() -> None:
    # published sweeps of 8-billion models: hardly slower at 8 requests than alone, then a knee
    time = products(PROFILES["dense"])
    assert time[8] / time[1] < 1.05
    assert time[512] / time[8] > 2
