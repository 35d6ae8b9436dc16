"""The scalers against plain loops, and what makes them causal."""

import pytest
import torch

from toto import InputError
from toto.model.moments import Moments
from toto.model.scaler import CausalPatchStdMeanScaler, CausalStdMeanScaler, StdMeanScaler

SCALERS = [
    CausalStdMeanScaler(),
    CausalStdMeanScaler(stabilize_with_global=True, scale_factor_exponent=1.0),
    CausalPatchStdMeanScaler(patch_size=4, stabilize_with_global=True, scale_factor_exponent=0.1),
]


def data(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(*shape, generator=generator, dtype=torch.float64).cumsum(-1) * 5 + 100
    observed = torch.rand(*shape, generator=generator) > 0.3
    return torch.where(observed, values, 0.0), observed


def test_running_moments_are_those_of_a_plain_loop():
    values, observed = data(3, 20)
    observed[1, :6] = False
    values = torch.where(observed, values, 0.0)
    moments = Moments.empty(values[:, 0]).running(values, observed)
    for row in range(3):
        for t in range(20):
            seen = values[row, : t + 1][observed[row, : t + 1]]
            n = len(seen)
            mean = seen.mean() if n else torch.tensor(0.0)
            squares = ((seen - seen.mean()) ** 2).sum() if n else torch.tensor(0.0)
            assert moments.num_observed[row, t] == n
            torch.testing.assert_close(moments.mean[row, t], mean.double(), rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(moments.squares[row, t], squares.double(), rtol=1e-10, atol=1e-10)


def test_moments_of_chunks_are_those_of_the_whole():
    values, observed = data(4, 30)
    whole = Moments.empty(values[:, 0]).running(values, observed)
    first = Moments.empty(values[:, 0]).running(values[:, :11], observed[:, :11]).at(-1)
    rest = first.running(values[:, 11:], observed[:, 11:])
    for chunked, full in zip(rest, whole, strict=True):
        torch.testing.assert_close(chunked, full[:, 11:], rtol=1e-11, atol=1e-11)


def test_the_causal_scale_is_the_bessel_corrected_one_of_the_values_so_far():
    values = torch.tensor([[1.0, 3.0, 3.0, 9.0]], dtype=torch.float64)
    scaled, loc, scale = CausalStdMeanScaler()(values, torch.ones(1, 4), torch.ones(1, 4))
    for t in range(4):
        seen = values[0, : t + 1]
        variance = seen.var() if t else torch.tensor(0.0)
        torch.testing.assert_close(loc[0, t], seen.mean())
        torch.testing.assert_close(scale[0, t], (variance + 0.1).sqrt().double())
    torch.testing.assert_close(scaled, (values - loc) / scale)


def test_a_patch_is_scaled_by_the_statistics_of_its_last_step():
    values, observed = data(2, 12)
    _, by_step, scale = CausalStdMeanScaler()(values, observed, torch.ones_like(values))
    _, by_patch, patch_scale = CausalPatchStdMeanScaler(patch_size=4)(
        values, observed, torch.ones_like(values)
    )
    last = torch.arange(3, 12, 4).repeat_interleave(4)
    torch.testing.assert_close(by_patch, by_step[:, last])
    torch.testing.assert_close(patch_scale, scale[:, last])


def test_the_global_clamp_keeps_the_scale_near_that_of_the_context_alone():
    values = torch.cat([torch.full((1, 8), 5.0), torch.tensor([[1e4, -1e4]])], -1).double()
    scaler = CausalStdMeanScaler(stabilize_with_global=True, scale_factor_exponent=1.0)
    ones = torch.ones(1, 10)
    _, _, scale = scaler(values, ones, ones, prefix_length=9)
    spread = (0.1 + values[0, :9].var(correction=0)).sqrt()
    torch.testing.assert_close(scale[0, 0], spread / 10)
    _, _, scale = scaler(values, ones, ones, prefix_length=8)
    torch.testing.assert_close(scale[0, -1], torch.tensor(0.1).double().sqrt() * 10)


def test_the_plain_scaler_uses_one_scale_of_the_context():
    values, observed = data(2, 12)
    _, loc, scale = StdMeanScaler()(values, observed, torch.ones_like(values), prefix_length=8)
    assert loc.shape == scale.shape == (2, 1)
    seen = values[1, :8][observed[1, :8]]
    torch.testing.assert_close(loc[1, 0], seen.mean())
    torch.testing.assert_close(scale[1, 0], (seen.var(correction=0) + 1e-3).sqrt())


@pytest.mark.parametrize("scaler", SCALERS)
def test_going_on_gives_what_starting_anew_gives(scaler):
    values, observed = data(2, 3, 24)
    observed[..., 16:] = True
    whole, _ = scaler.begin(values, observed, 16)
    _, state = scaler.begin(values[..., :16], observed[..., :16])
    more, state = scaler.advance(state, values[..., 16:20])
    torch.testing.assert_close(more.loc, whole.loc[..., 16:20], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(more.scale, whole.scale[..., 16:20], rtol=1e-12, atol=1e-12)
    last, _ = scaler.advance(state, values[..., 20:])
    torch.testing.assert_close(last.scale, whole.scale[..., 20:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scaler", SCALERS)
def test_no_step_sees_its_future(scaler):
    values, observed = data(1, 24)
    (loc, scale), _ = scaler.begin(values, observed, 12)
    values[:, 12:] = -1e7
    (loc_after, scale_after), _ = scaler.begin(values, observed, 12)
    assert torch.equal(loc[:, :12], loc_after[:, :12])
    assert torch.equal(scale[:, :12], scale_after[:, :12])


@pytest.mark.parametrize("level", [0.0, 1e-6, 1e12, -3.3e15])
def test_a_constant_series_has_the_smallest_scale_whatever_its_level(level):
    values = torch.full((1, 4096), level, dtype=torch.float64)
    ones = torch.ones_like(values)
    _, loc, scale = CausalStdMeanScaler()(values, ones, ones)
    assert (loc == level).all()
    assert torch.equal(scale, torch.full_like(scale, 0.1).sqrt())


def test_small_noise_on_a_large_level_keeps_its_scale_in_float32_input():
    """A sum in float32 would lose noise of 8 on a level of 1e7 within a few hundred steps."""
    noise = torch.randn(1, 4096, generator=torch.Generator().manual_seed(0)).mul(8).round()
    values = noise + 1e7
    _, state = CausalStdMeanScaler().begin(values, torch.ones_like(values))
    torch.testing.assert_close(state.moments.sample_variance(), noise.double().var(-1), rtol=1e-10, atol=0)


def test_weights_of_the_published_call_multiply_the_mask():
    values, observed = data(2, 12)
    by_mask = CausalStdMeanScaler()(values, observed, torch.ones_like(values))
    by_weight = CausalStdMeanScaler()(values, torch.ones_like(observed), observed.double())
    for a, b in zip(by_mask, by_weight, strict=True):
        assert torch.equal(a, b)


def test_what_lies_under_the_mask_does_not_reach_the_statistics_of_a_direct_call():
    values, observed = data(2, 12)
    plain = CausalStdMeanScaler()(values, observed, torch.ones_like(values))
    hidden = CausalStdMeanScaler()(
        torch.where(observed, values, torch.nan), observed, torch.ones_like(values)
    )
    assert torch.equal(hidden[1], plain[1])
    assert torch.equal(hidden[2], plain[2])


def test_scalers_reject_another_axis_and_broken_patches():
    with pytest.raises(InputError, match="dim must be -1, as time is the last axis of a series, got 1"):
        StdMeanScaler(dim=1)
    ones = torch.ones(1, 10)
    with pytest.raises(InputError, match="data must hold whole patches of 4 steps, got 10 steps"):
        CausalPatchStdMeanScaler(patch_size=4)(ones, ones, ones)
