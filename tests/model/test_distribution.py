import copy
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from toto.errors import InputError
from toto.inference.philox import random_bits
from toto.model.distribution import (
    MixtureOfStudentTs,
    MixtureOfStudentTsOutput,
    StudentT,
    StudentTOutput,
)

Distribution = StudentT | MixtureOfStudentTs
FALSE_ALARM = 1e-6  # chance that a correct sampler fails one of the tests of its draws, with another seed


def student_t(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> StudentT:
    generator = torch.Generator().manual_seed(seed)
    df, loc, scale = torch.randn(3, *shape, generator=generator, dtype=dtype)
    return StudentT(2 + (2 * df).exp(), loc, scale.exp())


def mixture(
    *shape: int, components: int = 5, dtype: torch.dtype = torch.float64, seed: int = 0
) -> MixtureOfStudentTs:
    generator = torch.Generator().manual_seed(seed)
    df, loc, scale, logits = torch.randn(4, *shape, components, generator=generator, dtype=dtype)
    return MixtureOfStudentTs(2 + (2 * df).exp(), 2 * loc, scale.exp(), 2 * logits)


both = pytest.mark.parametrize("make", [student_t, mixture])


def standard(df: object, dtype: torch.dtype = torch.float64) -> StudentT:
    df = torch.as_tensor(df, dtype=dtype)
    return StudentT(df, torch.zeros_like(df), torch.ones_like(df))


def random_df_and_values(low: float, high: float, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    df = np.exp(rng.uniform(np.log(low), np.log(high), count))
    return df, rng.standard_t(np.minimum(df, 50)) * np.exp(rng.normal(size=count))


def words(count: int, seed: int = 3) -> Tensor:
    zero = torch.zeros((), dtype=torch.int64)
    return random_bits(seed, zero, zero, zero, torch.arange(count))[..., :3]


def assert_drawn_from(draws: Tensor, cdf: Callable[[np.ndarray], np.ndarray]) -> None:
    assert scipy.stats.kstest(draws.double().flatten().numpy(), cdf).pvalue > FALSE_ALARM


# densities


def test_log_prob_is_that_of_scipy():
    df, values = random_df_and_values(0.05, 100)
    expected = scipy.stats.t.logpdf(values, df)
    error = (standard(df).log_prob(torch.tensor(values)).numpy() - expected) / (1 + abs(expected))
    assert abs(error).max() < 2e-13  # measured 3e-14


def test_log_prob_of_very_many_degrees_of_freedom_is_the_normal_one_with_its_first_correction():
    x = torch.linspace(-6, 6, 49, dtype=torch.float64)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(x)
    for df in (1e5, 1e7, 1e9):
        correction = (x**4 - 2 * x**2 - 1) / (4 * df)
        error = standard(df).log_prob(x) - normal - correction
        assert error.abs().max() < 2e4 / df**2 + 1e-13  # the next term of the series, and rounding


@pytest.mark.parametrize("df", [2.0, 2.5, 30.0, 1e4, 1e6, 1e8, 1e12])
def test_float32_log_prob_keeps_its_digits(df):
    values = torch.cat([torch.linspace(-30, 30, 101), torch.tensor([1e-20, 1e6, 1e15])])
    scales = torch.tensor([1e-7, 1e-3, 1.0, 1e6])[:, None]
    single = StudentT(torch.tensor(df), torch.tensor(0.5), scales)
    double = StudentT(*(p.double() for p in (single.df, single.loc, single.scale)))
    expected = double.log_prob(values.double())
    error = (single.log_prob(values).double() - expected) / (1 + expected.abs())
    assert error.abs().max() < 1e-6  # measured 4e-7


def test_log_prob_survives_squares_beyond_the_range_of_float32():
    value, scale = torch.tensor(3e22), torch.tensor(1e-6, requires_grad=True)
    log_prob = StudentT(torch.tensor(3.0), torch.tensor(0.0), scale).log_prob(value)
    log_prob.backward()
    assert log_prob.item() == pytest.approx(scipy.stats.t.logpdf(3e22, 3, scale=1e-6), rel=1e-6)
    assert scale.grad.item() == pytest.approx(3 / 1e-6, rel=1e-5)  # far out the density grows as scale^df
    assert standard(3.0).log_prob(torch.tensor(math.inf, dtype=torch.float64)) == -math.inf


@pytest.mark.parametrize("df", [0.7, 3.0, 9.0, 30.0, 500.0])
def test_log_prob_has_the_gradients_of_finite_differences(df):
    p = (torch.tensor([[df, 1.7 * df]]), torch.tensor([[0.3, -2.0]]), torch.tensor([[0.5, 3.0]]))
    p = [x.double().requires_grad_() for x in (*p, torch.tensor([[0.2, -0.7]]))]
    x = torch.tensor([[0.3], [-4.0], [1e3]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *p: StudentT(*p[:3]).log_prob(x), (x, *p))
    assert torch.autograd.gradcheck(lambda x, *p: MixtureOfStudentTs(*p).log_prob(x[..., 0]), (x, *p))
    assert torch.autograd.gradgradcheck(lambda x, *p: StudentT(*p[:3]).log_prob(x), (x, *p[:3]))


def test_the_density_of_a_mixture_is_the_weighted_sum_of_its_components():
    mix = mixture(4, 3)
    x = torch.linspace(-5, 5, 7, dtype=torch.float64)[:, None, None]
    expected = (mix.weights * mix.component_distribution.log_prob(x[..., None]).exp()).sum(-1)
    assert torch.allclose(mix.log_prob(x).exp(), expected, rtol=1e-12, atol=0)
    assert torch.allclose(mix.mixture_distribution.probs, mix.weights)


def test_parameters_are_checked_only_on_request():
    one = torch.ones(2)
    StudentT(-one, one, one)
    with pytest.raises(ValueError, match="parameter df"):
        StudentT(-one, one, one, validate_args=True)
    with pytest.raises(ValueError, match="parameter scale"):
        MixtureOfStudentTs(one, one, 0 * one, one, validate_args=True)
    with pytest.raises(ValueError, match="within the support"):
        StudentT(one, one, one, validate_args=True).log_prob(math.nan * one)
    with pytest.raises(ValueError, match="within the support"):
        MixtureOfStudentTs(one, one, one, one, validate_args=True).log_prob(torch.tensor(math.nan))


# moments


def test_moments_of_a_student_t_are_the_closed_forms_and_their_exceptions():
    t = StudentT(torch.tensor([0.5, 1.0, 1.5, 2.0, 3.0]), torch.tensor(7.0), torch.tensor(2.0))
    mean = torch.tensor([math.nan, math.nan, 7.0, 7.0, 7.0])
    variance = torch.tensor([math.nan, math.nan, math.inf, math.inf, 12.0])
    assert torch.equal(t.mean.nan_to_num(-1), mean.nan_to_num(-1))
    assert torch.allclose(t.variance, variance, equal_nan=True)
    assert torch.allclose(t.stddev, variance.sqrt(), equal_nan=True)


def test_moments_of_a_mixture_are_those_of_its_density():
    mix = MixtureOfStudentTs(*(torch.tensor(p) for p in ([9.0, 30.0], [-1.0, 2.0], [0.5, 1.0], [0.0, 1.0])))
    x = torch.linspace(-60, 60, 400_001, dtype=torch.float64)
    density = mix.log_prob(x).exp()
    mean = torch.trapezoid(x * density, x)
    assert mix.mean.item() == pytest.approx(mean.item(), abs=1e-6)
    assert mix.variance.item() == pytest.approx(
        torch.trapezoid((x - mean) ** 2 * density, x).item(), abs=1e-5
    )


def test_the_variance_of_a_mixture_far_from_zero_keeps_its_digits():
    mix = MixtureOfStudentTs(
        torch.tensor([4.0, 4.0]), torch.tensor([1e6, 1e6]), torch.ones(2), torch.zeros(2)
    )
    assert mix.variance.item() == pytest.approx(2.0)


# probabilities and quantiles


def test_cdf_is_that_of_scipy_for_all_degrees_of_freedom():
    df, values = random_df_and_values(0.05, 1e6)
    ours, expected = standard(df).cdf(torch.tensor(values)).numpy(), scipy.stats.t.cdf(values, df)
    assert abs(ours - expected).max() < 1e-14  # measured 5e-16
    seen = expected > 1e-250
    assert (abs(ours - expected)[seen] / expected[seen]).max() < 1e-12  # measured 6e-14, far in the tails


@pytest.mark.parametrize("t", [1e-300, 1e-5, 0.1, 1.0, 2.0, 8.0, 37.0, 1e3, 1e10, 1e160])
def test_cdf_meets_the_closed_forms_for_one_and_two_degrees_of_freedom(t):
    one, two = standard([1.0, 2.0]).cdf(torch.tensor(-t, dtype=torch.float64)).tolist()
    assert one == pytest.approx(math.atan2(1, t) / math.pi, rel=1e-14)
    assert two == pytest.approx(1 / (2 + t * t + t * math.sqrt(2 + t * t)) if t < 1e150 else 0, rel=1e-13)


@both
def test_probabilities_and_quantiles_in_float32_are_those_in_float64(make):
    single = make(50, dtype=torch.float32)
    double = type(single)(*(getattr(single, name).double() for name in single.arg_constraints))
    levels = torch.tensor([1e-3, 0.1, 0.5, 0.8, 0.999], dtype=torch.float64)[:, None]
    x = double.icdf(levels)
    torch.testing.assert_close(single.cdf(x), levels.expand(5, 50).float(), rtol=2e-5, atol=0)
    torch.testing.assert_close(single.icdf(levels), x.float(), rtol=1e-4, atol=1e-5)


def test_half_precision_is_computed_in_float32():
    half = StudentT(*(torch.tensor([p, p]).bfloat16() for p in (3.0, 0.5, 2.0)))
    assert half.cdf(torch.tensor(0.5)).tolist() == [0.5, 0.5]
    assert half.icdf(0.5).dtype is torch.bfloat16


def test_a_student_t_is_a_mixture_of_one_component():
    t, x = student_t(4, 3), torch.linspace(-3, 3, 3, dtype=torch.float64)
    assert t.as_mixture().batch_shape == (4, 3)
    assert torch.equal(t.as_mixture().log_prob(x), t.log_prob(x))
    assert mixture(2).as_mixture().batch_shape == (2,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cdf_of_infinite_and_missing_values(dtype):
    values = torch.tensor([-math.inf, math.inf, math.nan], dtype=dtype)
    for dist in (standard(3.0, dtype), mixture(dtype=dtype), standard(0.3, dtype)):
        assert dist.cdf(values)[:2].tolist() == [0.0, 1.0]
        assert dist.cdf(values)[2].isnan()


@pytest.mark.parametrize("tail", [1.0, 1e-9])
def test_icdf_is_that_of_scipy(tail):
    df, _ = random_df_and_values(0.3, 1e6, count=3_000)
    levels = np.random.default_rng(5).uniform(size=len(df)) * tail
    for level in (levels, 1 - levels):
        ours, expected = standard(df).icdf(torch.tensor(level)).numpy(), scipy.stats.t.ppf(level, df)
        assert (abs(ours - expected) / (1 + abs(expected))).max() < 1e-10  # measured 5e-14; scipy 1.15: 3e-11


def test_icdf_reaches_levels_at_the_end_of_float64():
    level = torch.tensor([1e-300, 1e-100, 1e-9, 1 - 2**-53], dtype=torch.float64)[:, None]
    df = [1.2, 2.05, 5.0, 40.0, 1e6]
    found = standard(df).icdf(level)
    assert torch.allclose(standard(df).cdf(-found.abs()), torch.minimum(level, 1 - level), rtol=3e-12, atol=0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-6, 6), min_size=3, max_size=3),
    st.lists(st.floats(-3, 6), min_size=3, max_size=3),
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    st.floats(-9, math.log10(0.5)),
    st.booleans(),
)
def test_icdf_of_any_mixture_inverts_its_cdf(log_df, log10_scale, loc, log10_level, upper):
    df, scale = torch.tensor(log_df).double().exp() + 0.5, 10 ** torch.tensor(log10_scale).double()
    mix = MixtureOfStudentTs(df, torch.tensor(loc).double(), scale, torch.tensor([0.0, 1.0, -3.0]).double())
    level = torch.tensor(10**log10_level, dtype=torch.float64)
    level = 1 - level if upper else level
    x = mix.icdf(level)
    resolution = 4 * torch.finfo(torch.float64).eps * x.abs() * mix.log_prob(x).exp()
    tolerance = 2e-14 * torch.minimum(level, 1 - level) + 2e-16 + resolution
    assert (mix.cdf(x) - level).abs() <= tolerance


def test_icdf_of_a_mixture_of_very_different_scales_finds_the_narrow_component():
    df, scale = torch.tensor([3.0, 3.0]).double(), torch.tensor([1e-3, 1e6]).double()
    mix = MixtureOfStudentTs(df, torch.tensor([7.0, 0.0]).double(), scale, torch.zeros(2).double())
    levels = torch.tensor([1e-9, 0.25, 0.3, 0.5, 0.7, 0.75, 1 - 1e-9], dtype=torch.float64)
    x = mix.icdf(levels)
    assert torch.allclose(mix.cdf(x), levels, rtol=1e-12, atol=0)
    assert (x[2:5] - 7).abs().max() < 0.01
    wide = scipy.stats.t.ppf(2e-9, 3) * 1e6
    assert x[0].item() == pytest.approx(wide, rel=1e-12)


def test_icdf_gives_levels_of_zero_and_one_infinity_and_level_one_half_the_median():
    t = StudentT(torch.tensor([3.0, 50.0]), torch.tensor(4.0), torch.tensor(2.0))
    assert t.icdf(0.0).tolist() == [-math.inf] * 2
    assert t.icdf(1.0).tolist() == [math.inf] * 2
    assert t.icdf(0.5).tolist() == [4.0, 4.0]
    assert mixture(2).icdf(torch.tensor([0.0, 1.0])).tolist() == [-math.inf, math.inf]


def test_icdf_broadcasts_levels_and_returns_the_dtype_of_the_parameters():
    levels = torch.tensor([0.1, 0.5, 0.9])[:, None, None]
    for dist in (student_t(2, 4, dtype=torch.float32), mixture(2, 4, dtype=torch.float32)):
        quantiles = dist.icdf(levels)
        assert quantiles.shape == (3, 2, 4)
        assert quantiles.dtype == dist.cdf(quantiles).dtype == torch.float32
        assert torch.allclose(dist.cdf(quantiles), levels, atol=1e-5)


@both
@pytest.mark.parametrize("level", [-0.5, 1.5, math.nan])
def test_icdf_rejects_levels_outside_zero_to_one(make, level):
    with pytest.raises(InputError, match=rf"levels must lie between 0 and 1, got {level}"):
        make(2).icdf(torch.tensor([0.5, level]))


def test_a_parameter_that_is_not_a_number_spoils_its_own_element_only():
    t = StudentT(torch.tensor([3.0, math.nan]), torch.zeros(2), torch.ones(2))
    assert t.icdf(0.9).isnan().tolist() == t.cdf(torch.ones(2)).isnan().tolist() == [False, True]


# draws


@pytest.mark.parametrize("df", [2.05, 3.0, 10.0, 1e4])
def test_draws_of_a_student_t_follow_its_distribution(df):
    t = StudentT(torch.tensor(df), torch.tensor(5.0), torch.tensor(0.1))
    expected = scipy.stats.t(df, loc=5, scale=0.1).cdf
    assert_drawn_from(t.from_bits(words(100_000)), expected)
    assert_drawn_from(t.sample((100_000,), torch.Generator().manual_seed(1)), expected)


def test_draws_of_a_mixture_follow_its_distribution():
    mix = mixture(dtype=torch.float32)
    expected = lambda x: mix.cdf(torch.tensor(x)).double().numpy()  # noqa: E731
    assert_drawn_from(mix.from_bits(words(100_000)), expected)
    assert_drawn_from(mix.sample((100_000,), torch.Generator().manual_seed(1)), expected)


def test_components_are_picked_by_their_weights_and_values_do_not_depend_on_the_pick():
    weights = torch.tensor([0.0, 0.2, 0.0, 0.5, 0.3, 0.0])
    loc = 1000.0 * torch.arange(6)
    mix = MixtureOfStudentTs(torch.full((6,), 50.0), loc, torch.ones(6), weights.log())
    draws = mix.from_bits(words(100_000))
    picked = (draws / 1000).round()
    counts = picked.long().bincount(minlength=6)
    assert counts[weights == 0].sum() == 0
    chosen = weights > 0
    expected = (weights[chosen] * 100_000).numpy()
    assert scipy.stats.chisquare(counts[chosen].numpy(), expected, sum_check=False).pvalue > FALSE_ALARM
    for component in (1, 3, 4):
        assert_drawn_from((draws - 1000 * picked)[picked == component], scipy.stats.t(50).cdf)


@pytest.mark.parametrize("word", [0, 2**32 - 1])
def test_the_first_and_last_word_pick_components_of_positive_weight(word):
    weights = torch.tensor([0.0, 0.0, 1.0, 0.0])
    mix = MixtureOfStudentTs(torch.full((4,), 9.0), 1000 * torch.arange(4.0), torch.ones(4), weights.log())
    draw = mix.from_bits(torch.tensor([word, 2**31, 5]))
    assert abs(draw.item() - 2000) < 100


@pytest.mark.parametrize("df", [2 + 2.0**-22, 2.05, 10.0, 1e4, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_are_accurate_for_every_extreme_word(df, dtype):
    edge = [0, 1, 2**30 - 1, 2**30, 2**31 - 1, 2**31, 3 * 2**30 - 1, 3 * 2**30, 2**32 - 2, 2**32 - 1]
    pairs = list(itertools.product(edge, edge))
    draws = standard(df, dtype).from_bits(torch.tensor([(0, *pair) for pair in pairs])).tolist()
    df = torch.tensor(df, dtype=dtype).item()
    for (radius, angle), draw in zip(pairs, draws, strict=True):
        log_u = (
            math.log1p((radius + 0.5 - 2**32) / 2**32) if radius > 2**31 else math.log((radius + 0.5) / 2**32)
        )
        cosine = math.sin(2 * math.pi * (abs(angle + 0.5 - 2**31) - 2**30) / 2**32)
        expected = math.sqrt(df * math.expm1(-2 * log_u / df)) * cosine
        assert draw == pytest.approx(expected, rel=3e-6 if dtype == torch.float32 else 1e-14, abs=0)


@both
def test_draws_of_expanded_parameters_are_draws_of_copied_ones(make):
    dist, bits = make(3, 1), words(3 * 100).view(3, 100, 3)
    expanded = dist.expand((3, 100))
    parameters = (expanded.df, expanded.loc, expanded.scale)
    assert all(p.untyped_storage().nbytes() <= 3 * 5 * 8 * 5 for p in parameters)
    copied = type(dist)(*(getattr(expanded, name).clone() for name in dist.arg_constraints))
    assert expanded.batch_shape == copied.batch_shape == (3, 100)
    assert torch.equal(expanded.from_bits(bits), copied.from_bits(bits))
    assert torch.equal(dist.from_bits(bits), copied.from_bits(bits))


@both
def test_shapes_of_samples_densities_and_moments(make):
    dist = make(4, 2)
    assert dist.batch_shape == dist.mean.shape == dist.variance.shape == (4, 2)
    assert dist.sample().shape == (4, 2)
    assert dist.sample((3,)).shape == dist.log_prob(dist.sample((3,))).shape == (3, 4, 2)
    assert make(0, 2).sample((3,)).shape == (3, 0, 2)
    assert not dist.has_rsample
    assert not dist.sample().requires_grad


@both
def test_samples_repeat_with_their_generator_or_the_global_seed(make):
    dist = make(5)
    first, again, other = (dist.sample((2,), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(9)
    first, next_one = dist.sample(), dist.sample()
    torch.manual_seed(9)
    assert torch.equal(dist.sample(), first)
    assert not torch.equal(next_one, first)


@both
def test_draws_do_not_depend_on_modes_of_torch(make):
    dist, bits = make(5), words(5)
    expected = dist.from_bits(bits)
    with torch.inference_mode():
        assert torch.equal(dist.from_bits(bits), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(dist.from_bits(bits), expected)
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(dist.from_bits(bits), expected)
    finally:
        torch.use_deterministic_algorithms(False)


def test_draws_in_half_precision_are_rounded_draws_in_float32():
    single = mixture(1000, dtype=torch.float32)
    rounded = [getattr(single, name).bfloat16() for name in ("df", "loc", "scale", "logits")]
    half, single = MixtureOfStudentTs(*rounded), MixtureOfStudentTs(*(p.float() for p in rounded))
    same = half.from_bits(words(1000)) == single.from_bits(words(1000)).bfloat16()
    assert same.float().mean() > 0.9  # the rest: weights rounded to bfloat16 pick another component


@both
@pytest.mark.parametrize("shape", [(2, 4), (3,), (4, 3)])
def test_words_of_the_wrong_shape_are_rejected(make, shape):
    rule = r"the shape of bits must end in the batch shape \(2,\) and 3 words, got "
    with pytest.raises(InputError, match=rule + r"\(" + ", ".join(map(str, shape))):
        make(2).from_bits(torch.zeros(shape, dtype=torch.int64))


# maps


@both
@pytest.mark.parametrize("factor", [2.5, -0.3])
def test_the_affine_map_of_a_distribution_is_that_of_its_values(make, factor):
    dist = make(4, 3)
    loc, scale = torch.randn(4, 1, dtype=torch.float64), torch.full((3,), factor, dtype=torch.float64)
    mapped = dist.affine(loc, scale)
    x = dist.icdf(0.3)
    assert type(mapped) is type(dist)
    assert torch.allclose(mapped.log_prob(loc + scale * x), dist.log_prob(x) - math.log(abs(factor)))
    assert torch.allclose(mapped.icdf(0.3 if factor > 0 else 0.7), loc + scale * x)
    assert torch.allclose(mapped.mean, loc + scale * dist.mean)
    assert torch.allclose(mapped.variance, scale**2 * dist.variance)
    assert torch.equal(dist.affine(0.0, factor).scale, dist.scale * abs(factor))


def test_parameters_of_several_dtypes_meet_in_the_widest():
    t = student_t(3, dtype=torch.float32).affine(torch.zeros(3, dtype=torch.float64), 1.0)
    assert {t.df.dtype, t.loc.dtype, t.scale.dtype} == {torch.float64}


# heads


def loop_parameters(head: torch.nn.Module, features: Tensor) -> dict[str, Tensor]:
    """The parameters by the formulas of the paper, one element at a time."""
    head = copy.deepcopy(head).requires_grad_(False)
    linears = {"df": head.df, "loc": head.loc_proj, "scale": head.scale_proj}
    if hasattr(head, "mixture_weights"):
        linears["logits"] = head.mixture_weights
    raw = {
        name: [
            [float(row @ x + b) for row, b in zip(layer.weight, layer.bias, strict=True)] for x in features
        ]
        for name, layer in linears.items()
    }
    eps = torch.finfo(features.dtype).eps
    positive = lambda x: max(math.log1p(math.exp(x)), eps)  # noqa: E731
    maps = {"df": lambda x: 2 + positive(x), "scale": positive}
    return {
        name: torch.tensor([[maps.get(name, float)(x) for x in row] for row in rows]).double()
        for name, rows in raw.items()
    }


def test_the_mixture_head_follows_its_formulas():
    torch.manual_seed(0)
    head, features = MixtureOfStudentTsOutput(8, k_components=3).double(), 3 * torch.randn(5, 8).double()
    predicted = head(features)
    for name, expected in loop_parameters(head, features).items():
        assert torch.allclose(getattr(predicted, name), expected, rtol=1e-6)
    assert predicted.batch_shape == (5,)
    names = {f"{layer}.{kind}" for layer in ("df", "loc_proj", "scale_proj", "mixture_weights")
             for kind in ("weight", "bias")}  # fmt: skip
    assert set(head.state_dict()) == names


def test_the_student_t_head_follows_its_formulas():
    torch.manual_seed(0)
    head, features = StudentTOutput(8).double(), 3 * torch.randn(5, 8).double()
    predicted = head(features)
    for name, expected in loop_parameters(head, features).items():
        assert torch.allclose(getattr(predicted, name), expected[:, 0], rtol=1e-6)
    assert predicted.batch_shape == (5,)
    assert head(features.view(5, 1, 8)).batch_shape == (5, 1)


@pytest.mark.parametrize("head", [StudentTOutput(4), MixtureOfStudentTsOutput(4, 2)])
def test_scale_and_df_of_a_head_never_reach_zero_and_less_than_two(head):
    with torch.no_grad():
        head.df.bias.fill_(-1e4)
        head.scale_proj.bias.fill_(-1e4)
    predicted = head(torch.zeros(3, 4))
    eps = torch.finfo(torch.float32).eps
    assert (predicted.scale == eps).all()
    assert (predicted.df == 2 + eps).all()
    assert predicted.from_bits(words(3)).isfinite().all()


def test_heads_compute_in_float32_for_features_of_half_precision():
    torch.manual_seed(0)
    head, features = MixtureOfStudentTsOutput(8, 3), torch.randn(5, 8).bfloat16()
    expected = head(features.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head(features.float()).df, expected.df)
    assert torch.equal(head(features).df, expected.df)
    assert head.bfloat16()(features).scale.dtype == torch.float32


def test_the_joint_projection_of_a_head_can_stand_in_for_it():
    head, features = MixtureOfStudentTsOutput(8, 3), torch.randn(5, 8)
    predicted, expected = head.from_projection(F.linear(features, *head.joint_projection())), head(features)
    assert torch.equal(predicted.loc, expected.loc)
    assert torch.equal(predicted.logits, expected.logits)


def test_a_head_learns_from_the_density():
    torch.manual_seed(0)
    head = MixtureOfStudentTsOutput(4, 3)
    (-head(torch.randn(6, 4)).log_prob(torch.randn(6)).mean()).backward()
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in head.parameters())


# accelerators


@pytest.mark.cuda
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_cuda_gives_the_results_of_the_host_and_hot_paths_do_not_wait_for_it():
    head = MixtureOfStudentTsOutput(8, 3)
    features, bits = torch.randn(50, 8), words(50)
    host = head(features)
    device_head, device_features, device_bits = head.cuda(), features.cuda(), bits.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        dist = device_head(device_features)
        torch.use_deterministic_algorithms(True)
        draws = dist.affine(1.0, 2.0).from_bits(device_bits)
        torch.use_deterministic_algorithms(False)
        log_prob, mean, variance = dist.log_prob(draws), dist.mean, dist.variance
    finally:
        torch.use_deterministic_algorithms(False)
        torch.cuda.set_sync_debug_mode("default")
    expected = host.affine(1.0, 2.0).from_bits(bits)
    for ours, theirs in ((draws, expected), (log_prob, host.log_prob(expected)), (mean, host.mean)):
        assert torch.allclose(ours.cpu(), theirs, rtol=1e-3, atol=1e-4)
    assert variance.shape == (50,)
    assert torch.allclose(dist.icdf(0.9).cpu(), host.icdf(0.9), rtol=1e-3, atol=1e-4)
    from_host = dist.sample(generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        from_host.cpu(), host.sample(generator=torch.Generator().manual_seed(0)), rtol=1e-3, atol=1e-4
    )


@both
def test_an_empty_batch_has_probabilities_quantiles_and_draws_of_no_element(make):
    whole = make(3)
    empty = type(whole)(*(getattr(whole, name)[:0] for name in whole.arg_constraints))
    for found in (empty.cdf(torch.tensor(0.0)), empty.sf(torch.tensor(0.0)), empty.icdf(0.3), empty.sample()):
        assert found.shape == (0,)
    assert empty.icdf(torch.rand(4, 1)).shape == empty.sample((4,)).shape == (4, 0)


@both
def test_the_upper_tail_is_that_of_scipy_with_all_its_digits(make):
    dist, x = make(20).as_mixture(), torch.linspace(-3, 60, 7, dtype=torch.float64)[:, None]
    df, loc, scale, weights = (p.numpy() for p in (dist.df, dist.loc, dist.scale, dist.weights))
    expected = (weights * scipy.stats.t.sf(x.numpy()[..., None], df, loc, scale)).sum(-1)
    assert abs(dist.sf(x).numpy() / expected - 1).max() < 1e-12
    torch.testing.assert_close(dist.sf(x), 1 - dist.cdf(x), rtol=1e-9, atol=1e-14)
    assert dist.sf(torch.tensor([-math.inf, math.inf, math.nan]).double()[:, None])[:2, 0].tolist() == [
        1.0,
        0.0,
    ]


@both
def test_densities_and_their_gradients_can_be_mapped(make):
    """By `torch.func.vmap`; cdf and icdf take a batch as it is."""
    dist, x = make(4), torch.linspace(-2, 2, 4, dtype=torch.float64)
    parameters = [getattr(dist, name) for name in dist.arg_constraints]

    def log_prob(value, *of_element):
        return type(dist)(*of_element).log_prob(value)

    torch.testing.assert_close(torch.func.vmap(log_prob)(x, *parameters), dist.log_prob(x))
    slope = torch.func.vmap(torch.func.grad(log_prob))(x, *parameters)
    step = 1e-6
    torch.testing.assert_close(
        slope, (dist.log_prob(x + step) - dist.log_prob(x - step)) / (2 * step), rtol=1e-6, atol=1e-8
    )
