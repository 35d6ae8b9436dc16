import math

import pytest
import torch

from toto.model.backbone import TotoOutput
from toto.model.losses import next_patches, pretraining_loss, robust_distance, scaled_targets


@pytest.fixture
def batch():
    """Two rows of three variates and 40 steps: gaps, and one variate that starts late."""
    generator = torch.Generator().manual_seed(0)
    series = 3.0 * torch.randn(2, 3, 40, generator=generator, dtype=torch.float64) + 1.0
    observed = torch.rand(2, 3, 40, generator=generator) > 0.1
    observed[1, 2, :19] = False
    ids = torch.tensor([0, 0, 1])[None, :, None].expand(2, 3, 40)
    return torch.where(observed, series, 0.0), observed, ids


def plain_log_density(value, df, loc, scale, logits):
    """Log density of a mixture of Student-T distributions at one value, from its formula."""
    weights = logits.exp() / logits.exp().sum()
    density = 0.0
    for n, mu, s, w in zip(df.tolist(), loc.tolist(), scale.tolist(), weights.tolist(), strict=True):
        peak = math.gamma((n + 1) / 2) / (math.gamma(n / 2) * math.sqrt(n * math.pi) * s)
        density += w * peak * (1 + ((value - mu) / s) ** 2 / n) ** (-(n + 1) / 2)
    return math.log(density)


def plain_loss(output, series, observed, patch_size):
    """The published loss with one loop per step and no tensors."""
    nll = robust = 0.0
    count = 0
    for b, v, time in [tuple(index) for index in observed.nonzero().tolist()]:
        entry = time - patch_size
        patch = entry // patch_size * patch_size
        if entry < 0 or not observed[b, v, : patch + patch_size].any():
            continue
        loc, scale = output.loc[b, v, entry].item(), output.scale[b, v, entry].item()
        value = (series[b, v, time].item() - loc) / (scale + torch.finfo(torch.float64).eps)
        d = output.distribution
        parameters = (d.df[b, v, entry], d.loc[b, v, entry], d.scale[b, v, entry], d.logits[b, v, entry])
        nll -= plain_log_density(value, *parameters)
        mean = (d.logits[b, v, entry].softmax(-1) * d.loc[b, v, entry]).sum().item()
        robust += math.log(1 + ((mean - value) / 0.1) ** 2 / 2)
        count += 1
    return (0.575 * nll + 0.425 * robust) / count, nll / count, robust / count, count


def test_the_loss_is_the_published_formula(tiny, batch):
    series, observed, _ = batch
    output = tiny.model(*batch)
    loss = pretraining_loss(output, series, observed, 8, 8)
    expected = plain_loss(output, series, observed, 8)
    for value, plain in zip(loss, expected, strict=True):
        assert value.item() == pytest.approx(plain, rel=1e-10)


def test_the_robust_distance_is_quadratic_near_0_and_logarithmic_far_away():
    near, far = torch.tensor([1e-4, -1e-4]), torch.tensor([1e4, -1e6])
    torch.testing.assert_close(robust_distance(near), 0.5 * (near / 0.1) ** 2)
    torch.testing.assert_close(robust_distance(far), 2 * (far.abs() / 0.1).log() - math.log(2))


@pytest.mark.parametrize("stride", [4, 8])
def test_targets_are_the_patch_after_each_patch(stride):
    series = torch.arange(1.0, 25.0)[None, None]
    following = next_patches(series, 8, stride)[0, 0].view(-1, 8)
    for index, patch in enumerate(following):
        start = index * stride + 8
        expected = [float(t + 1) if t < 24 else 0.0 for t in range(start, start + 8)]
        assert patch.tolist() == expected


def test_masked_and_padded_steps_have_no_gradient(tiny, batch):
    series, observed, _ = batch
    output = tiny.model(*batch)
    entries = output.distribution.mean.detach()
    means = entries.clone().requires_grad_()
    distribution = type(output.distribution)(
        *(p.detach() for p in (output.distribution.df,)),
        means[..., None].expand_as(output.distribution.df),
        output.distribution.scale.detach(),
        output.distribution.logits.detach(),
    )
    pretraining_loss(
        TotoOutput(distribution, output.loc, output.scale), series, observed, 8, 8
    ).total.backward()
    counted = scaled_targets(output, series, observed, 8, 8).counted
    assert (means.grad[~counted] == 0).all()
    assert (means.grad[counted] != 0).all()
    assert not counted[..., -8:].any()
    assert not counted[1, 2, :16].any()


def test_values_under_the_mask_change_nothing(tiny, batch):
    series, observed, ids = batch
    noisy = torch.where(observed, series, 1e6)
    losses = [
        pretraining_loss(tiny.model(values, observed, ids), values, observed, 8, 8)
        for values in (series, noisy)
    ]
    assert losses[0].total.item() == losses[1].total.item()


def test_predictions_before_the_first_real_value_do_not_count(tiny):
    series, observed = torch.ones(1, 1, 24, dtype=torch.float64), torch.ones(1, 1, 24, dtype=torch.bool)
    observed[..., :10] = False
    output = tiny.model(series * observed, observed, torch.zeros(1, 1, 24, dtype=torch.long))
    counted = scaled_targets(output, series, observed, 8, 8).counted[0, 0]
    assert counted.tolist() == [False] * 8 + [True] * 8 + [False] * 8


def test_a_batch_with_nothing_to_predict_has_loss_0(tiny):
    series = torch.zeros(1, 1, 16, dtype=torch.float64)
    observed = torch.zeros(1, 1, 16, dtype=torch.bool)
    output = tiny.model(series, observed, torch.zeros(1, 1, 16, dtype=torch.long))
    loss = pretraining_loss(output, series, observed, 8, 8)
    assert loss.total.item() == 0.0
    assert loss.num_counted.item() == 0
