import math

import pytest
import scipy.stats
import torch
from torch import Tensor

from toto.model import mixture_tail as module
from toto.model.mixture_tail import mixture_tail

LEVELS = torch.tensor([0.4, 0.1, 0.01, 1e-3, 1e-5, 1e-8, 1e-15, 1e-20], dtype=torch.float64)


def random_mixtures(
    elements: int = 4, components: int = 6, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """df, loc, scale and weights."""
    generator = torch.Generator().manual_seed(0)
    a, b, c, d = torch.randn(4, elements, components, generator=generator, dtype=torch.float64)
    return [p.to(dtype) for p in (2 + (2 * a).exp(), 3 * b, c.exp(), d.softmax(-1))]


def single(df: float, dtype: torch.dtype) -> list[Tensor]:
    one = torch.ones(1, 1, dtype=dtype)
    return [df * one, 0 * one, one, one]


def points(count: int = 9, elements: int = 4) -> Tensor:
    return torch.linspace(-8, 8, count, dtype=torch.float64).expand(elements, -1)


@pytest.mark.parametrize("df", [0.3, 2.000001, 2.3, 4.0, 11.0, 30.0, 200.0, 1e4, 1e6, 1e12])
def test_float32_gives_small_tails_their_digits_for_all_degrees_of_freedom(df):
    x = torch.tensor(scipy.stats.t.ppf(LEVELS.numpy(), df))[None]
    x = torch.cat([x, -x], 1)
    x = x[x.abs() < 1e15][None].float()  # the squares of values beyond do not fit float32
    sign = torch.ones_like(x)
    expected = mixture_tail(*single(float(torch.tensor(df)), torch.float64))(x.double(), sign.double())
    found = mixture_tail(*single(df, torch.float32))(x, sign)
    error = (found.probability / expected.probability - 1).abs()
    assert error.max() < 1e-4  # measured 2e-5, at 1e-20
    assert error[expected.probability > 1e-4].max() < 2e-6  # measured 1e-6
    assert (found.density / expected.density - 1).abs().max() < 1e-4
    torch.testing.assert_close(found.slope.double(), expected.slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 2e-6)])
def test_the_tail_of_a_mixture_is_the_weighted_sum_of_those_of_its_components(dtype, tolerance):
    df, loc, scale, weights = random_mixtures(dtype=dtype)
    for sign in (1.0, -1.0):
        x = sign * points()
        found = mixture_tail(df, loc, scale, weights)(x.to(dtype), torch.full((1, 9), sign, dtype=dtype))
        exact = [p.double().numpy()[:, None] for p in (df, loc, scale, weights)]
        t = scipy.stats.t(exact[0], loc=exact[1], scale=exact[2])
        tail = (exact[3] * (t.cdf if sign > 0 else t.sf)(points().numpy()[..., None])).sum(-1)
        density = (exact[3] * t.pdf(points().numpy()[..., None])).sum(-1)
        assert abs(found.probability.numpy() / tail - 1).max() < tolerance
        assert abs(found.density.numpy() / density - 1).max() < tolerance


def test_density_and_slope_are_derivatives_of_the_probability():
    tail, sign, step = mixture_tail(*random_mixtures()), torch.tensor([[1.0] * 5 + [-1.0] * 4]).double(), 1e-5
    below, here, above = (tail(points() + shift, sign) for shift in (-step, 0.0, step))
    density = (above.probability - below.probability) / (2 * step)
    slope = (above.density - below.density) / (2 * step)
    torch.testing.assert_close(here.density, density, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(here.slope, slope, rtol=1e-6, atol=1e-9)


def test_float32_keeps_narrow_components_far_from_zero_apart():
    """The difference to the centre is taken before it is stretched; after it, only rounding is left."""
    one = torch.ones(1, 1)
    x = torch.tensor([[1e4 - 0.05, 1e4, 1e4 + 0.1]])
    mixture = [3 * one, 1e4 * one, 1e-2 * one, one]
    found = mixture_tail(*mixture)(x, torch.ones_like(x)).probability
    exact = mixture_tail(*(p.double() for p in mixture))(x.double(), torch.ones_like(x).double()).probability
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rows_ask_for_the_mixtures_they_name_and_blocks_do_not_matter(dtype, monkeypatch):
    tail, x = mixture_tail(*random_mixtures(dtype=dtype)), points().to(dtype)
    sign = torch.ones_like(x)
    whole = torch.stack(tail(x, sign))
    rows = torch.tensor([3, 0, 0, 2])
    assert torch.equal(torch.stack(tail(x, sign, rows)), whole[:, rows])
    monkeypatch.setattr(module, "_CACHED", 60)
    in_blocks = torch.stack(mixture_tail(*random_mixtures(dtype=dtype))(x, sign))
    torch.testing.assert_close(in_blocks, whole, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_points_far_away_infinite_or_not_a_number(dtype):
    x = torch.tensor([[-math.inf, -1e30, 1e30, math.inf, math.nan]], dtype=dtype)
    probability, density, slope = mixture_tail(*single(3.0, dtype))(x, torch.ones_like(x))
    assert probability[0, :2].max() < 1e-19
    assert probability[0, 2:4].tolist() == [1.0, 1.0]
    assert density[0, 1:3].max() < 1e-30
    assert slope[0, 1:3].abs().max() < 1e-30
    assert probability[0, 4].isnan()


def test_no_elements_and_no_points_are_fine():
    empty = [p[:0] for p in random_mixtures()]
    assert mixture_tail(*empty)(torch.ones(0, 3).double(), torch.ones(1, 3).double()).density.shape == (0, 3)
    nothing = torch.ones(4, 0, dtype=torch.float64)
    assert mixture_tail(*random_mixtures())(nothing, nothing).density.shape == (4, 0)
