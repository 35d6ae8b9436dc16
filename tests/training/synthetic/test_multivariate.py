import numpy as np
import pytest

from toto.training.synthetic.draws import standardise
from toto.training.synthetic.multivariate import (
    RELATIONS,
    cause_and_response,
    delayed,
    delayed_copies,
    echoes,
    parts_and_sum,
    relate,
    same_calendar,
    saturating_responses,
    shares_of_a_whole,
    stages,
)

MARGIN = 64


def noise(seed: int, num_variates: int, length: int) -> np.ndarray:
    return standardise(np.random.default_rng(seed).standard_normal((num_variates, length), dtype=np.float32))


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("num_variates", [2, 5])
def test_every_relation_keeps_the_shape_and_is_finite(rng, name, num_variates):
    related = RELATIONS[name][0](rng, noise(0, num_variates, 300), MARGIN)
    assert related.shape == (num_variates, 300 - MARGIN)
    assert related.dtype == np.float32
    assert np.isfinite(related).all()


def test_a_delayed_copy_is_the_leader_some_steps_ago():
    leader = np.arange(100, dtype=np.float32)
    copies = delayed(leader, np.array([0, 3, 64]), MARGIN)
    np.testing.assert_array_equal(copies[:, 0], [64.0, 61.0, 0.0])
    assert copies.shape == (3, 36)


def test_the_delay_of_a_copy_is_where_the_correlation_peaks(monkeypatch):
    found = 0
    for seed in range(20):
        members = noise(seed, 2, 2064)
        copy = delayed_copies(np.random.default_rng(seed), members, MARGIN)[1]
        by_delay = [
            abs(np.corrcoef(copy, members[0][MARGIN - d : 2064 - d])[0, 1]) for d in range(MARGIN + 1)
        ]
        found += max(by_delay) > 0.6 and sorted(by_delay)[-2] < 0.2
    assert found == 20


def test_the_sum_is_a_combination_of_its_parts(rng):
    series = parts_and_sum(rng, noise(0, 4, 300), MARGIN)
    _, residual, _, _ = np.linalg.lstsq(series[:-1].T, series[-1], rcond=None)
    assert residual.sum() < 1e-6 * (series[-1] ** 2).sum()


def test_shares_add_up_to_1(rng):
    shares = shares_of_a_whole(rng, noise(0, 5, 300), MARGIN)
    assert (shares > 0).all()
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-5)


def test_a_response_follows_its_cause_later():
    later = []
    for seed in range(20):
        cause, response = cause_and_response(np.random.default_rng(seed), noise(seed, 2, 2000), MARGIN)
        lags = [np.corrcoef(cause[: -33 or None], np.roll(response, -lag)[:-33])[0, 1] for lag in range(33)]
        later.append(max(lags[1:]) > 0.1 or lags[0] > 0.5)
    assert np.mean(later) > 0.9


def test_saturating_responses_rank_the_steps_as_the_load_does():
    strongest = []
    for seed in range(30):
        series = saturating_responses(np.random.default_rng(seed), noise(seed, 4, 1000), MARGIN)
        ranks = series.argsort(axis=1).argsort(axis=1)
        strongest.append(np.abs(np.corrcoef(ranks)[np.triu_indices(4, 1)]).max())
    assert np.median(strongest) > 0.9


def test_echoes_have_the_period_of_their_leader(rng):
    time = np.arange(1088)
    members = noise(0, 4, 1088)
    members[0] = standardise((np.sin(2 * np.pi * time / 32) ** 3)[None].astype(np.float32))[0]
    spectra = np.abs(np.fft.rfft(echoes(rng, members, MARGIN), axis=1))
    assert ((spectra[:, 1:].argmax(axis=1) + 1) % (1024 // 32) == 0).all()


def test_variates_of_one_calendar_have_common_days(rng):
    together = [
        np.abs(np.corrcoef(same_calendar(np.random.default_rng(seed), 0.1 * noise(seed, 3, 1088), MARGIN)))
        for seed in range(30)
    ]
    assert np.median([c[np.triu_indices(3, 1)].max() for c in together]) > 0.5


def test_what_leaves_a_stage_arrives_at_the_next(monkeypatch, rng):
    correlations = []
    for seed in range(20):
        series = stages(np.random.default_rng(seed), noise(seed, 3, 600), MARGIN)
        correlations.append(np.corrcoef(series)[np.triu_indices(3, 1)].max())
    assert np.median(correlations) > 0.8


def test_related_groups_correlate_more_than_independent_series():
    strongest = []
    for seed in range(60):
        members = noise(seed, 4, 564)
        correlation = np.abs(np.corrcoef(relate(np.random.default_rng(seed), members, MARGIN)))
        strongest.append(np.sort(correlation[np.triu_indices(4, 1)])[-1])
    assert np.mean(np.array(strongest) > 0.3) > 0.4
