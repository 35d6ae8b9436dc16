import numpy as np
import pytest

from toto.training.synthetic.draws import standardise
from toto.training.synthetic.sarima import (
    SEASONS,
    airline,
    arima,
    arma,
    arma_with,
    draw_polynomial,
    draw_seasons,
    from_roots,
    response,
    season_by_season,
    seasonal_arma,
    with_season,
)


def test_a_polynomial_has_its_roots():
    roots = np.array([[0.5 + 0.3j, 0.9j], [0.0, 0.7]], dtype=np.complex64)
    for row, polynomial in zip(roots, from_roots(roots), strict=True):
        expected = np.poly([row[0], row[0].conj(), row[1], row[1].conj()])
        np.testing.assert_allclose(polynomial, expected.real, atol=1e-6)


def test_all_roots_lie_inside_the_unit_circle(rng):
    for polynomial in draw_polynomial(rng, 50, 0.98):
        assert np.abs(np.roots(polynomial)).max(initial=0.0) < 0.9801


def test_a_season_multiplies_the_polynomial():
    polynomial = np.array([[1.0, -0.5, 0.25]])
    product = with_season(polynomial, np.array([[0.8]], dtype=np.float32), np.array([7]))
    np.testing.assert_allclose(product[0], np.polymul(polynomial[0], [1.0] + 6 * [0.0] + [-0.8]), atol=1e-6)


def test_the_response_is_the_polynomial_on_the_unit_circle():
    polynomial = np.array([[1.0, -0.5, 0.25]])
    frequencies = np.exp(-2j * np.pi * np.arange(33) / 64)
    np.testing.assert_allclose(
        response(polynomial, 64)[0], np.polyval([0.25, -0.5, 1.0], frequencies), atol=1e-5
    )


def test_a_series_remembers_the_season_before(rng, autocorrelation):
    none = np.ones((100, 1))
    seasonal = with_season(none, np.full((100, 1), 0.95, dtype=np.float32), np.full(100, 24))
    series = arma_with(rng, seasonal, 960)
    assert np.median(autocorrelation(series, 24)) > 0.8
    assert abs(np.median(autocorrelation(series, 12))) < 0.3


@pytest.mark.parametrize("generate", [arma, seasonal_arma])
def test_stationary_processes_are_as_large_at_the_end_as_at_the_start(rng, generate):
    series = generate(rng, 400, 1024)
    early, late = series[:, :512].std(axis=1), series[:, 512:].std(axis=1)
    assert np.median(late / early) == pytest.approx(1.0, abs=0.1)


def test_running_sums_are_not_stationary(rng, autocorrelation):
    series = arima(rng, 200, 1024)
    assert np.median(autocorrelation(series, 10)) > np.median(autocorrelation(arma(rng, 200, 1024), 10)) + 0.3


def test_the_profile_of_a_season_changes_from_cycle_to_cycle(rng):
    series = season_by_season(rng, 200, 480, 24)
    cycles = np.stack([standardise(cycle) for cycle in series.reshape(200, 20, 24).swapaxes(0, 1)])
    next_one, far = (np.median((cycles[lag:] * cycles[:-lag]).mean(axis=2)) for lag in (1, 15))
    assert next_one > 0.97
    assert far < next_one - 0.004


@pytest.mark.parametrize("length", [8, 64, 512, 8192])
def test_three_seasons_fit_into_a_series(rng, length):
    periods = draw_seasons(rng, 100, length)
    assert len(np.unique(periods)) <= 3
    assert set(periods) <= set(SEASONS)
    assert (3 * periods <= length).all() or length < 3 * SEASONS[0]


def test_the_airline_model_has_a_level_that_walks(rng, autocorrelation):
    assert np.median(autocorrelation(airline(rng, 100, 1024), 1)) > 0.5
