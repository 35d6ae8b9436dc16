"""The kept distribution of a forecast, and sample paths of reduced variance."""

import math
import pickle

import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries, TotoForecaster
from toto.inference.forecast_distribution import ForecastDistribution
from toto.inference.memory import estimate_memory
from toto.inference.quantile_distribution import QuantileDistribution
from toto.model.distribution import MixtureOfStudentTs

LEVELS = [0.01, 0.1, 0.5, 0.9, 0.99]


def series(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).cumsum(-1)


def forecast(toto, values, horizon=20, num_samples=6, exogenous=0, group_ids=None, **options):
    inputs = MaskedTimeseries.from_array(values, None, group_ids, num_exogenous_variables=exogenous)
    options = {"seed": 1, "keep_distribution": True} | options
    return TotoForecaster(toto).forecast(inputs, horizon, num_samples, **options)


def given_the_past(toto, values, paths, first):
    """The model's distribution of the patch from step `first` on, given each path so far, without a cache."""
    batch, _, _, num_paths = paths.shape
    so_far = torch.cat([values[..., None].expand(-1, -1, -1, num_paths), paths[:, :, :first]], 2)
    so_far = so_far.movedim(-1, 1).flatten(0, 1)  # [batch * paths, variates, time]
    with torch.no_grad():
        observed = torch.ones_like(so_far, dtype=torch.bool)
        ids = torch.zeros_like(so_far)
        distribution, loc, scale = toto.model(so_far, observed, ids, scaling_prefix_length=values.shape[-1])
    steps = slice(so_far.shape[-1] - 8, None)  # the last entries predict what follows the last patch
    loc, scale = (t[..., steps] if t.shape[-1] > 1 else t for t in (loc, scale))
    mixture = distribution.as_mixture()
    parameters = (p[:, :, steps] for p in (mixture.df, mixture.loc, mixture.scale, mixture.logits))
    in_units = type(mixture)(*parameters).affine(loc, scale)
    return in_units, lambda t: t.unflatten(0, (batch, num_paths))


@pytest.mark.parametrize("scaler", ["CausalPatchStdMeanScaler", "CausalStdMeanScaler", "StdMeanScaler"])
def test_the_distribution_is_the_mean_over_paths_of_the_models_distribution_given_each(make_tiny, scaler):
    toto, values = make_tiny(scaler_cls=scaler), series(2, 3, 40)
    result = forecast(toto, values, 24)
    for first in (0, 8, 16):
        x = result.samples[:, :, first : first + 8, :2].movedim(-1, 0)  # some values to look at
        mixture, by_path = given_the_past(toto, values, result.samples, first)
        repeated = x.repeat_interleave(6, 1)
        whole = torch.full((2, 2, 3, 24), 0.0).double()
        whole[..., first : first + 8] = x
        part = slice(first, first + 8)
        expected = torch.stack([by_path(v).mean(1) for v in mixture.cdf(repeated)])
        torch.testing.assert_close(result.distribution.cdf(whole)[..., part], expected, rtol=1e-8, atol=1e-10)
        density = torch.stack([by_path(v.exp()).mean(1) for v in mixture.log_prob(repeated)])
        log_prob = result.distribution.log_prob(whole)[..., part]
        torch.testing.assert_close(log_prob, density.log(), rtol=1e-8, atol=1e-8)
        mean = by_path(mixture.mean).mean(1)
        torch.testing.assert_close(result.distribution.mean[..., part], mean, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"stride": 4}, {"scaler_cls": "StdMeanScaler"}])
def test_many_draws_have_the_quantiles_of_the_distribution(make_tiny, options):
    """Share of 1500 draws below 3 quantiles of 60 steps each: |z| beyond 6 has probability 4e-7 in all."""
    toto = make_tiny(**options).float()
    result = forecast(toto, series(1, 3, 40).float(), 20, 1500)
    levels = torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1, 1)
    share = (result.samples <= result.quantile([0.1, 0.5, 0.9])[..., None]).float().mean(-1)
    assert ((share - levels) / (levels * (1 - levels) / 1500).sqrt()).abs().max() < 6


def test_a_single_student_t_head_has_a_distribution_too(make_tiny):
    toto = make_tiny(output_distribution_classes=("StudentTOutput",), output_distribution_kwargs=None)
    result = forecast(toto, series(1, 2, 40), 24, 50)
    assert [m.df.shape[-1] for m in result.distribution.mixtures] == [1, 50]
    mixture, by_path = given_the_past(toto, series(1, 2, 40), result.samples, 16)
    torch.testing.assert_close(result.mean[..., 16:], by_path(mixture.mean).mean(1), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("use_kv_cache", [True, False])
def test_the_distribution_does_not_depend_on_chunks_or_the_cache(tiny, reduced, use_kv_cache):
    whole = forecast(tiny, series(2, 3, 40), num_samples=9, variance_reduction=reduced)
    for chunk in (1, 4):
        options = {"samples_per_batch": chunk, "use_kv_cache": use_kv_cache, "variance_reduction": reduced}
        parts = forecast(tiny, series(2, 3, 40), num_samples=9, **options)
        torch.testing.assert_close(parts.samples, whole.samples, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(parts.quantile(LEVELS), whole.quantile(LEVELS), rtol=1e-9, atol=1e-9)


def test_keeping_the_distribution_changes_no_path(tiny):
    plain = forecast(tiny, series(2, 3, 40), keep_distribution=False)
    kept = forecast(tiny, series(2, 3, 40))
    assert plain.distribution is None
    assert torch.equal(plain.samples, kept.samples)


def test_the_first_patch_is_exact_with_a_single_path(tiny):
    few, many = (forecast(tiny, series(1, 2, 40), 8, n) for n in (1, 50))
    assert torch.equal(few.quantile(LEVELS), many.quantile(LEVELS))
    assert len(few.distribution.mixtures) == 1
    alone = forecast(tiny, series(1, 2, 40), 8, None, seed=None, keep_distribution=False)
    torch.testing.assert_close(few.mean, alone.mean, rtol=1e-12, atol=1e-12)


def test_a_forecast_takes_mean_median_and_quantiles_from_its_distribution(tiny):
    result = forecast(tiny, series(1, 2, 40))
    distribution = result.distribution
    assert torch.equal(result.mean, distribution.mean)
    assert torch.equal(result.median, distribution.quantile(0.5))
    assert torch.equal(result.quantile(LEVELS), distribution.quantile(LEVELS))
    assert torch.equal(result.quantile(np.array([0.5]))[0], result.median)
    assert result.quantile([0.0, 1.0]).flatten().isinf().all()
    for wrong in (1.5, [0.5, -0.1], "x"):
        with pytest.raises(InputError, match="q must be a level from 0 to 1, or a list of such levels, got"):
            distribution.quantile(wrong)
    assert distribution.quantile([]).shape == (0, 1, 2, 20)


def test_a_level_is_computed_once(tiny, monkeypatch):
    distribution = forecast(tiny, series(1, 2, 40)).distribution
    first = distribution.quantile([0.1, 0.5])
    kept = first.clone()
    first += 1  # what is returned is the caller's
    monkeypatch.setattr(MixtureOfStudentTs, "icdf", None)
    assert torch.equal(distribution.quantile([0.5, 0.1]).flip(0), kept)
    assert torch.equal(distribution.median, distribution.quantile(0.5))


def test_intervals_hold_their_coverage(tiny):
    distribution = forecast(tiny, series(1, 2, 40)).distribution
    low, high = distribution.interval(0.9)
    torch.testing.assert_close(distribution.cdf(high) - distribution.cdf(low), torch.full_like(low, 0.9))
    torch.testing.assert_close(distribution.cdf(low), distribution.sf(high))
    for wrong in (1.5, -0.1, math.nan):
        with pytest.raises(InputError, match="coverage must be a probability from 0 to 1, got"):
            distribution.interval(wrong)


@pytest.mark.parametrize("wrong", ["a", None, [0.5, 0.9]])
@pytest.mark.usefixtures("as_users_call")
def test_a_coverage_that_is_no_number_is_named(tiny, wrong):
    kept = forecast(tiny, series(1, 2, 40)).distribution
    told = QuantileDistribution(torch.zeros(1, 2, 20, 3), (0.1, 0.5, 0.9))
    for distribution in (kept, told):
        with pytest.raises(InputError, match="coverage must be a probability from 0 to 1, got") as error:
            distribution.interval(wrong)
        assert str(error.value).endswith(repr(wrong))


def test_mean_and_variance_are_those_of_many_draws_and_of_the_density(tiny):
    distribution = forecast(tiny, series(1, 2, 40)).distribution
    draws = distribution.sample(20_000, seed=3)
    assert draws.shape == (1, 2, 20, 20_000)
    low, median, high = distribution.quantile([0.1, 0.5, 0.9])[..., None]
    for level, value in ((0.1, low), (0.5, median), (0.9, high)):
        z = ((draws <= value).double().mean(-1) - level) / math.sqrt(level * (1 - level) / 20_000)
        assert z.abs().max() < 5
    x = torch.linspace(-600, 600, 8_001, dtype=torch.float64)
    density = distribution.pdf(x[:, None, None, None])
    at = x[:, None, None, None]
    torch.testing.assert_close(
        torch.trapezoid(density, x, dim=0), torch.ones(1, 2, 20).double(), rtol=1e-3, atol=0
    )
    torch.testing.assert_close(torch.trapezoid(at * density, x, dim=0), distribution.mean, rtol=0, atol=0.05)
    assert torch.equal(distribution.std.square().sqrt(), distribution.variance.sqrt())
    assert (distribution.variance > 0).all()


def test_draws_repeat_and_do_not_depend_on_how_many_there_are(tiny):
    distribution = forecast(tiny, series(2, 3, 40)).distribution
    assert torch.equal(distribution.sample(9, seed=1)[..., :4], distribution.sample(4, seed=1))
    assert not torch.equal(distribution.sample(4, seed=1), distribution.sample(4, seed=2))
    torch.manual_seed(0)
    first = distribution.sample(2)
    assert not torch.equal(distribution.sample(2), first)
    torch.manual_seed(0)
    assert torch.equal(distribution.sample(2), first)
    for wrong in (-1, 2**63):
        with pytest.raises(InputError, match=r"seed must be a whole number from 0 to 2\^63 - 1, got"):
            distribution.sample(2, seed=wrong)


def test_values_that_do_not_fit_are_named(tiny):
    distribution = forecast(tiny, series(2, 3, 40)).distribution
    for look in (distribution.cdf, distribution.sf, distribution.log_prob, distribution.pdf):
        rule = r"values must broadcast against \[batch, variates, horizon\] = \(2, 3, 20\), got shape \(7,\)"
        with pytest.raises(InputError, match=rule):
            look(torch.zeros(7))
        with pytest.raises(InputError, match="values must be an array of numbers"):
            look("high")
    assert distribution.cdf(np.zeros(20)).shape == (2, 3, 20)
    with pytest.raises(InputError, match="got shape"):
        forecast(tiny, series(1, 1, 40), horizon=1).distribution.cdf(torch.zeros(1, 2, 1))


def test_small_upper_tails_keep_their_digits(tiny):
    distribution = forecast(tiny, series(1, 2, 40)).distribution
    far = distribution.quantile(1 - 1e-9)
    torch.testing.assert_close(distribution.sf(far), torch.full_like(far, 1e-9), rtol=1e-4, atol=0)


def test_a_distribution_of_one_patch_is_exact_and_needs_no_seed(tiny):
    forecaster, inputs = TotoForecaster(tiny), MaskedTimeseries.from_array(series(2, 3, 40))
    exact = forecaster.predict_distribution(inputs, 8)
    assert torch.equal(exact.quantile(LEVELS), forecaster.predict_distribution(inputs, 8).quantile(LEVELS))
    torch.testing.assert_close(exact.mean, forecaster.forecast(inputs, 8).mean)
    assert [m.df.shape[-1] for m in exact.mixtures] == [3]


def test_a_distribution_beyond_a_patch_comes_from_paths(make_tiny):
    toto = make_tiny()
    forecaster, values = TotoForecaster(toto), series(2, 3, 40)
    inputs = MaskedTimeseries.from_array(values)
    found = forecaster.predict_distribution(inputs, 20, 6, seed=1)
    expected = forecast(toto, values, variance_reduction=True).distribution
    assert torch.equal(found.quantile(LEVELS), expected.quantile(LEVELS))
    as_list = forecaster.predict_distribution([values[0], values[1]], 20, 6, seed=1)
    torch.testing.assert_close(as_list[1].median, expected.median[1:])
    with pytest.raises(InputError, match="num_paths must be a whole number of at least 1, got 0"):
        forecaster.predict_distribution(inputs, 8, 0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_quantiles_have_their_level_and_values_the_dtype_of_the_series(tiny, dtype, tolerance):
    result = forecast(tiny.to(dtype), series(2, 3, 40).to(dtype))
    quantiles, levels = result.quantile(LEVELS), torch.tensor(LEVELS, dtype=dtype).view(-1, 1, 1, 1)
    assert quantiles.dtype is result.distribution.cdf(quantiles).dtype is result.mean.dtype is dtype
    assert quantiles.shape == (5, 2, 3, 20)
    assert (result.distribution.cdf(quantiles) - levels).abs().max() < tolerance


def test_series_in_float64_keep_their_digits_with_a_model_in_float32(tiny):
    values = series(1, 2, 40)
    near, far = (forecast(tiny.float(), values + level).quantile(0.5) for level in (0.0, 1e9))
    assert far.dtype is torch.float64
    torch.testing.assert_close(far - 1e9, near, rtol=1e-3, atol=1e-3)


def test_the_density_is_the_derivative_of_the_probability(tiny):
    distribution = forecast(tiny, series(1, 2, 40)).distribution
    x, step = distribution.quantile(LEVELS), 1e-5
    slope = (distribution.cdf(x + step) - distribution.cdf(x - step)) / (2 * step)
    torch.testing.assert_close(distribution.log_prob(x).exp(), slope, rtol=1e-5, atol=1e-8)


def test_values_broadcast_against_the_forecast(tiny):
    distribution = forecast(tiny, series(2, 3, 40)).distribution
    for shape in ((), (20,), (3, 1), (2, 3, 20), (4, 2, 3, 20), (5, 4, 1, 1, 20)):
        expected = torch.broadcast_shapes(shape, (2, 3, 20))
        assert distribution.cdf(torch.zeros(shape)).shape == expected
        assert distribution.log_prob(torch.zeros(shape)).shape == expected
    missing = torch.full((2, 3, 20), math.nan)
    assert distribution.cdf(missing).isnan().all()
    assert distribution.log_prob(missing).isnan().all()


def test_known_covariates_are_certain(make_tiny):
    toto = make_tiny()
    toto.model.enable_variate_labels()
    values, future = series(1, 4, 40), series(1, 2, 20, seed=3)
    result = forecast(toto, values, exogenous=2, future_exogenous_variables=future)
    assert torch.equal(result.quantile(LEVELS)[:, :, 2:], future.expand(5, -1, -1, -1))
    assert torch.equal(result.mean[:, 2:], future)
    distribution = result.distribution
    assert distribution.variance[:, 2:].unique().tolist() == [0.0]
    assert torch.equal(distribution.sample(2, seed=0)[:, 2:], future[..., None].expand(-1, -1, -1, 2))
    assert all(m.batch_shape[1] == 2 for m in distribution.mixtures)
    lower, exact = torch.zeros(1, 4, 20).double(), torch.zeros(1, 4, 20).double()
    lower[:, 2:], exact[:, 2:] = future - 1e-9, future
    assert distribution.cdf(lower)[:, 2:].unique().tolist() == [0.0]
    assert distribution.cdf(exact)[:, 2:].unique().tolist() == [1.0]
    assert distribution.sf(lower)[:, 2:].unique().tolist() == [1.0]
    assert distribution.sf(exact)[:, 2:].unique().tolist() == [0.0]
    assert distribution.log_prob(lower)[:, 2:].unique().tolist() == [-math.inf]
    assert distribution.log_prob(exact)[:, 2:].unique().tolist() == [math.inf]
    missing = torch.full((1, 4, 20), math.nan)
    assert distribution.cdf(missing).isnan().all()
    assert distribution.log_prob(missing).isnan().all()


def test_groups_and_batch_neighbours_do_not_mix(tiny):
    values = series(2, 4, 40)
    before = forecast(tiny, values, group_ids=[0, 0, 1, 1]).quantile(LEVELS)
    values[0, 2:] += series(2, 40, seed=5)
    after = forecast(tiny, values, group_ids=[0, 0, 1, 1]).quantile(LEVELS)
    torch.testing.assert_close(after[:, 0, :2], before[:, 0, :2], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(after[:, 1], before[:, 1], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(after[:, 0, 2:], before[:, 0, 2:])


def test_the_series_of_a_list_have_their_own_distributions(tiny):
    values = [series(2, 40), series(1, 24, seed=2), series(2, 40, seed=3)]
    together = TotoForecaster(tiny).forecast(
        values, 12, 5, seed=1, keep_distribution=True, series_ids=[7, 8, 9]
    )
    for result, one, name in zip(together, values, (7, 8, 9), strict=True):
        alone = forecast(tiny, one[None], 12, 5, series_ids=[name])
        torch.testing.assert_close(result.quantile(LEVELS), alone.quantile(LEVELS), rtol=1e-9, atol=1e-9)


def test_copies_files_and_devices_keep_the_distribution(tiny):
    result = forecast(tiny, series(1, 2, 40))
    for copy in (result.cpu(), result.to("cpu"), pickle.loads(pickle.dumps(result))):
        assert isinstance(copy.distribution, ForecastDistribution)
        assert torch.equal(copy.quantile(LEVELS), result.quantile(LEVELS))
    assert repr(result.distribution) == (
        "ForecastDistribution([batch, variates, horizon] = [1, 2, 20], components = [3, 18])"
    )


def test_a_kept_distribution_takes_the_memory_that_is_estimated_for_it(tiny):
    sizes = {"context_length": 40, "prediction_length": 20, "num_variates": 2, "num_samples": 6}
    kept, plain = (estimate_memory(tiny, **sizes, keep_distribution=keep).results for keep in (True, False))
    _, later = forecast(tiny, series(1, 2, 40)).distribution.mixtures
    assert kept - plain == sum(p.nbytes for p in (later.df, later.loc, later.scale, later.logits))


def test_the_mean_path_alone_has_no_distribution_to_keep(tiny):
    with pytest.raises(InputError, match="variance_reduction needs sample paths: pass num_samples"):
        TotoForecaster(tiny).forecast(MaskedTimeseries.from_array([[1.0, 2.0]]), 8, variance_reduction=True)
    with pytest.raises(InputError, match="keep_distribution needs sample paths: pass num_samples"):
        forecast(tiny, series(1, 2, 40), num_samples=None, seed=None)


def test_a_path_is_the_same_however_many_follow_with_reduced_variance(tiny):
    few, many = (forecast(tiny, series(1, 2, 40), 20, n, variance_reduction=True).samples for n in (3, 8))
    torch.testing.assert_close(many[..., :3], few, rtol=1e-10, atol=1e-10)
    plain = forecast(tiny, series(1, 2, 40), 20, 8).samples
    assert not torch.allclose(many, plain)


def test_reduced_variance_makes_no_bias_and_less_error_at_equal_samples(tiny):
    """Mean, 0.1 and 0.9 quantiles of 150 forecasts of 16 paths each, by both kinds of estimate.

    z of 2 x 20 steps of each between plain and reduced: |z| beyond 5.5 by chance in 7e-6 of seeds.
    """
    values = series(1, 2, 40).expand(150, -1, -1).float()  # each series has randomness of its own
    found = {}
    for reduced in (False, True):
        kept = forecast(tiny.float(), values, 20, 16, variance_reduction=reduced)
        drawn = torch.stack([kept.samples.mean(-1), *kept.samples.quantile(torch.tensor([0.1, 0.9]), -1)])
        found[reduced] = {"drawn": drawn[:1], "kept": torch.stack([kept.mean, *kept.quantile([0.1, 0.9])])}
        found[reduced]["share below 0"] = (kept.samples < 0).float().mean(-1)[None]
    for name in ("drawn", "kept", "share below 0"):
        plain, even = found[False][name], found[True][name]
        difference = plain.mean(1) - even.mean(1)
        z = difference / ((plain.var(1) + even.var(1)) / 150 + 1e-12).sqrt()
        assert z.abs().max() < 5.5, name
        first = slice(8, None) if name == "kept" else slice(None)  # the first patch is exact
        gain = (plain.var(1) / even.var(1).clamp(min=1e-12))[..., first]
        assert gain.log().mean().exp() > 1.5, name
