"""The free batch curve: its solver against scipy, and curves of no formula."""

import numpy as np
import pytest
from scipy.optimize import nnls as scipy_nnls

from exporter.compare.estimate.curve import fit, huber_weights, nnls
from exporter.compare.fleet.arrays import Floats


@pytest.mark.parametrize("seed", range(20))
def test_the_solver_is_scipys(seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(60, 18)) + 0.3
    truth = np.maximum(random.normal(size=18), 0)
    right = matrix @ truth + random.normal(size=60)
    solution = nnls(matrix.T @ matrix, matrix.T @ right)
    assert solution == pytest.approx(scipy_nnls(matrix, right)[0], abs=1e-7)


def test_the_solver_bears_a_column_without_data_and_a_target_it_cannot_reach() -> None:
    gram = np.diag([1.0, 0.0, 2.0])
    assert nnls(gram, np.array([2.0, 0.0, 4.0])) == pytest.approx([2.0, 0.0, 2.0])
    assert nnls(gram, np.array([-1.0, 0.0, -1.0])) == pytest.approx([0.0, 0.0, 0.0])


def experts(batch: Floats) -> Floats:
    """A step that jumps once most experts are touched, and then flattens."""
    return np.asarray(
        np.interp(np.log2(batch), [0, 2, 4, 6, 8], [4.3, 9.0, 16.0, 27.0, 33.0]) / 1000
    )


def test_a_curve_with_a_jump_and_the_slopes_inside_its_cells() -> None:
    random = np.random.default_rng(1)
    batch = 2.0 ** random.uniform(0, 8, 3000)
    share, context = random.uniform(0, 8, 3000), random.uniform(500, 9000, 3000)
    covariates = np.stack([share * batch, context * batch], axis=1)
    truth = experts(batch) + 2e-5 * share * batch + 3e-9 * context * batch
    observed = truth * np.exp(0.02 * random.standard_normal(3000))
    # one in twenty windows had a noisy neighbour
    observed[::20] *= 1.4
    curve = fit(batch, covariates, observed, np.ones(3000))
    assert np.abs(np.log(curve.at(batch, covariates) / truth)).mean() < 0.01
    assert curve.slopes == pytest.approx([2e-5, 3e-9], rel=0.1)


def test_a_large_fit_uses_some_of_its_rows() -> None:
    batch = 2.0 ** (np.arange(300_000) % 64 / 8.0)
    curve = fit(batch, np.zeros((300_000, 0)), experts(batch), np.ones(300_000))
    assert curve.at(np.array([4.0, 100.0]), np.zeros((2, 0))) == pytest.approx(
        experts(np.array([4.0, 100.0])), rel=0.01
    )


def test_slopes_are_known_as_well_as_they_scatter() -> None:
    """Servers differ by themselves: rows of one hour of a server are no independent evidence."""
    hours = np.repeat(np.arange(60), 20)
    slopes, claimed = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        batch = 2.0 ** random.uniform(2, 6, len(hours))
        share = 4.0 * np.exp(0.5 * random.standard_normal(60))[hours] + random.uniform(0, 1, 1200)
        context = random.uniform(500, 9000, 1200)
        covariates = np.stack([share * batch, context * batch], axis=1)
        truth = experts(batch) + covariates @ np.array([2e-5, 3e-9])
        noise = 0.03 * random.standard_normal(60)[hours] + 0.01 * random.standard_normal(1200)
        rows = (batch, covariates, truth * np.exp(noise), np.ones(1200))
        curve = fit(*rows)
        errors = curve.slope_errors(*rows, hours)
        assert errors.shape == (2, 2)
        slopes.append(curve.slopes)
        claimed.append((errors**2).sum(1))
    scatter, known = np.var(slopes, axis=0), np.mean(claimed, axis=0)
    assert known == pytest.approx(scatter, rel=0.5)


def test_a_slope_that_is_not_there_has_no_error() -> None:
    random = np.random.default_rng(3)
    batch = 2.0 ** random.uniform(0, 8, 500)
    share = random.uniform(1, 2, 500)
    rows = (batch, (share * batch)[:, None], experts(batch) / share, np.ones(500))
    curve = fit(*rows)
    assert curve.slopes == pytest.approx([0.0])
    assert curve.slope_errors(*rows, np.arange(500)) == pytest.approx(np.zeros((1, 1)))
    bare = (batch, np.zeros((500, 0)), experts(batch), np.ones(500))
    assert fit(*bare).slope_errors(*bare, np.arange(500)).shape[0] == 0


def test_huber_weights_fall_off_beyond_two_deviations() -> None:
    residual = np.array([0.0, 1.0, -1.0, 1.0, -1.0, 100.0])
    weights = huber_weights(residual, np.ones(6))
    assert weights[:5] == pytest.approx(1.0)
    assert weights[5] == pytest.approx(2 * 1.4826 / 100.0)
