"""Arrivals become samples on time and late."""

from scripts.soak.sampling_gaps import SamplingGaps, sampling_gaps


def test_late_is_more_than_half_an_interval_behind() -> None:
    arrivals = [(0, 1), (5, 1), (12.5, 1), (20.5, 1), (1, 2), (6, 2), (3, 3), (99, 2)]
    assert sampling_gaps(arrivals, 0, 50, 5) == SamplingGaps(
        servers=2, samples=4, late=1, longest=8.0
    )


def test_without_arrivals_nothing_was_sampled() -> None:
    assert sampling_gaps([], 0, 50, 5) == SamplingGaps(0, 0, 0, 0.0)
