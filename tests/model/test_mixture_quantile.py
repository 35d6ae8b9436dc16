import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from toto.model import mixture_tail as mixture_tail_module
from toto.model.mixture_quantile import mixture_quantile
from toto.model.mixture_tail import MixtureTail, mixture_tail

LEVELS = torch.tensor([0.001, 0.01, 0.1, 0.25, 0.5, 0.6, 0.9, 0.99, 0.999], dtype=torch.float64)


def random_mixtures(
    elements: int = 40, components: int = 60, log_scale: float = 0.0, dtype: torch.dtype = torch.float32
) -> list[Tensor]:
    """df, loc, scale and weights; scales around exp(log_scale) beside locs around 1."""
    generator = torch.Generator().manual_seed(1)
    a, b, c, d = torch.randn(4, elements, components, generator=generator)
    return [p.to(dtype) for p in (2 + (2 * a).exp(), b, (c + log_scale).exp(), (2 * d).softmax(-1))]


def excess_error(found: Tensor, levels: Tensor, mixtures: list[Tensor]) -> Tensor:
    """Error of the probability of each value, beyond that of rounding it, relative to the smaller tail."""
    sign = torch.where(levels > 0.5, -1.0, 1.0).double()
    exact = mixture_tail(*(p.double() for p in mixtures))(sign * found.double(), sign)
    size = torch.maximum(found.double().abs(), mixtures[1].double().abs().amax(1, keepdim=True))
    rounding = 4 * torch.finfo(found.dtype).eps * size * exact.density
    smaller = torch.minimum(levels, 1 - levels)
    return ((exact.probability - smaller).abs() - rounding) / smaller


@pytest.mark.parametrize("log_scale", [2.0, 0.0, -2.0, -4.0])
def test_float32_quantiles_have_their_level_from_smooth_mixtures_to_staircases(log_scale):
    mixtures = random_mixtures(log_scale=log_scale)
    levels = LEVELS.expand(40, -1)
    found = mixture_quantile(levels, *mixtures)
    assert found.dtype is torch.float32
    assert excess_error(found, levels, mixtures).max() < 1e-5  # measured 3e-6


@pytest.mark.parametrize("log_scale", [0.0, -4.0])
def test_float64_quantiles_have_all_digits(log_scale):
    mixtures = random_mixtures(elements=10, log_scale=log_scale, dtype=torch.float64)
    levels = torch.cat([LEVELS, torch.tensor([1e-12, 1e-300], dtype=torch.float64)]).expand(10, -1)
    assert excess_error(mixture_quantile(levels, *mixtures), levels, mixtures).max() < 1e-12


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-4, 6), min_size=3, max_size=3),
    st.lists(st.floats(-6, 2), min_size=3, max_size=3),
    st.lists(st.floats(-10, 10), min_size=3, max_size=3),
    st.floats(-5, math.log10(0.5)),
    st.booleans(),
)
def test_float32_quantiles_of_any_mixture_invert_its_tail(log_df, log10_scale, loc, log10_level, upper):
    level = 10**log10_level
    levels = torch.tensor([[1 - level if upper else level]], dtype=torch.float64)
    mixture = [2 + torch.tensor([log_df]).exp(), torch.tensor([loc]), 10 ** torch.tensor([log10_scale])]
    mixture = [*(p.float() for p in mixture), torch.tensor([[0.2, 0.7, 0.1]])]
    x = mixture_quantile(levels, *mixture)
    assert excess_error(x, levels, mixture) <= 1e-5


def test_levels_far_out_are_reached_in_float32():
    mixtures = random_mixtures(elements=5)
    levels = torch.tensor([1e-6, 1e-9, 1e-12, 1 - 1e-9], dtype=torch.float64).expand(5, -1)
    assert excess_error(mixture_quantile(levels, *mixtures), levels, mixtures).max() < 1e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_element_has_levels_of_its_own_and_their_order_and_number_do_not_matter(dtype, monkeypatch):
    mixtures = random_mixtures(elements=6, components=8, dtype=dtype)
    levels = torch.rand(6, 70, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    together = mixture_quantile(levels, *mixtures)
    monkeypatch.setattr(mixture_tail_module, "_TOGETHER", 20)
    one_by_one = torch.cat([mixture_quantile(level[:, None], *mixtures) for level in levels.T], 1)
    torch.testing.assert_close(one_by_one, together, rtol=1e-4, atol=1e-5)
    assert (together.gather(1, levels.argsort(1)).diff(dim=1) >= 0).all()


def test_levels_may_lie_in_memory_in_any_order():
    mixtures = random_mixtures(elements=6)
    levels = torch.rand(6, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    torch.testing.assert_close(
        mixture_quantile(levels.T.contiguous().T, *mixtures), mixture_quantile(levels, *mixtures)
    )


def test_the_median_of_a_symmetric_mixture_is_its_centre():
    one = torch.ones(1, 2)
    found = mixture_quantile(
        torch.full((1, 1), 0.5).double(), 3 * one, torch.tensor([[2.0, 6.0]]), one, one / 2
    )
    assert found.item() == 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_0_and_1_are_infinitely_far(dtype):
    levels = torch.tensor([[0.0, 1.0]] * 3, dtype=torch.float64)
    found = mixture_quantile(levels, *random_mixtures(elements=3, dtype=dtype))
    assert found.tolist() == [[-math.inf, math.inf]] * 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_parameter_that_is_not_a_number_spoils_its_own_element_only(dtype):
    mixtures = random_mixtures(elements=3, dtype=dtype)
    mixtures[1][1, 0] = math.nan
    found = mixture_quantile(LEVELS.expand(3, -1), *mixtures)
    assert found.isnan().all(1).tolist() == found.isnan().any(1).tolist() == [False, True, False]


def test_a_smooth_mixture_needs_few_looks_per_level(monkeypatch):
    """The cost of quantiles: 7 nodes of the table, once every level, and some levels again."""
    looked_at = []
    call = MixtureTail.__call__

    def counted(self, x, *others):
        looked_at.append(x.numel())
        return call(self, x, *others)

    monkeypatch.setattr(MixtureTail, "__call__", counted)
    mixture_quantile(LEVELS[2:7].expand(40, -1), *random_mixtures())
    assert sum(looked_at) <= 40 * (7 + 2 * 5)


def test_float64_adds_one_look_or_two_to_those_in_float32(monkeypatch):
    looked_at = {torch.float32: 0, torch.float64: 0}
    call = MixtureTail.__call__

    def counted(self, x, *others):
        looked_at[x.dtype] += x.numel()
        return call(self, x, *others)

    monkeypatch.setattr(MixtureTail, "__call__", counted)
    levels = torch.tensor([0.1, 0.5, 0.9, 1e-9], dtype=torch.float64).expand(40, -1)
    mixture_quantile(levels, *random_mixtures(dtype=torch.float64))
    assert looked_at[torch.float64] <= 1.5 * levels.numel()
    assert looked_at[torch.float32] <= 40 * (7 + 12 * 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("unit", [1e-12, 1e25])
def test_quantiles_stretch_with_the_unit_even_where_squares_overflow(dtype, unit):
    df, loc, scale, weights = random_mixtures(elements=6, dtype=dtype)
    levels = LEVELS.expand(6, -1)
    expected = mixture_quantile(levels, df, loc, scale, weights)
    found = mixture_quantile(levels, df, unit * loc, unit * scale, weights)
    torch.testing.assert_close(found / unit, expected, rtol=1e-4, atol=1e-4)
