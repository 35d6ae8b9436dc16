import numpy as np
import pytest
import torch

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.finetuning.generations import generation_of
from toto.finetuning.windows import Windows
from toto.inference.pipeline.reading import Reading
from toto.model2.losses import quantile_loss
from toto.model2.toto2 import LEVELS


def batch_of(num_steps=40, horizon=5, **covariates):
    """Windows of 24 steps and a horizon, of a series with a gap."""
    values = np.sin(np.arange(num_steps) / 3)[None]
    values[0, 10:14] = np.nan
    one = RegularSeries(values, ("y",), EvenGrid(0, 1), **covariates)
    reading = Reading(patch_size=8, context=24, horizon=horizon)
    settings = {"min_history": 4, "batch_size": 8, "horizon_share": 0.5, "seed": 0}
    return Windows([one], [num_steps], reading, **settings).batch(0)


def test_the_second_generation_learns_the_horizon_as_a_forecast_predicts_it(tiny2):
    batch = batch_of(horizon=16, known=np.cos(np.arange(60.0))[None])
    shown = torch.ones_like(batch.observed)
    shown[:, :1, 24:] = False
    together = torch.zeros(shown.shape[:2], dtype=torch.long)
    output = tiny2(batch.series, batch.observed, shown, together)
    place = 0  # of a window whose context is whole
    ahead = output.quantiles[:, place, 0, 2:4].flatten(1)
    predicted = (output.loc[place, 0, 16:32] + output.scale[place, 0, 16:32] * ahead.sinh()).sort(0).values
    forecast = tiny2.forecast(
        {
            "target": batch.series[place, :1, :24],
            "target_mask": batch.observed[place, :1, :24],
            "known_dynamic": batch.series[place, 1:],
            "known_dynamic_mask": batch.observed[place, 1:],
        },
        16,
    )
    torch.testing.assert_close(predicted, forecast[:, 0], rtol=1e-9, atol=1e-9)


def test_the_quantile_loss_is_that_of_the_definition_in_scaled_space(tiny2):
    batch = batch_of()
    everything = torch.ones_like(batch.observed)
    output = tiny2(batch.series, batch.observed, everything, torch.zeros(8, 1, dtype=torch.long))
    found = quantile_loss(output, batch.series, batch.observed, 8, batch.weight)
    losses, weights = [], []
    for row in range(8):
        for step in range(8, 29):
            known_before = batch.observed[row, 0, : step // 8 * 8].any()
            if batch.observed[row, 0, step] and known_before and batch.weight[row, 0, step] > 0:
                end = step // 8 * 8 - 1
                loc, scale = (x[row, 0, end].item() for x in (output.loc, output.scale))
                y = np.arcsinh((batch.series[row, 0, step].item() - loc) / scale)
                q = output.quantiles[:, row, 0, step // 8 - 1, step % 8].tolist()
                pinball = [max(p * (y - x), (p - 1) * (y - x)) for p, x in zip(LEVELS, q, strict=True)]
                losses.append(2 * np.mean(pinball))
                weights.append(batch.weight[row, 0, step].item())
    assert found.item() == pytest.approx(np.average(losses, weights=weights), rel=1e-6)


@pytest.mark.parametrize("kind", ["past", "known", "static"])
def test_the_horizon_covariates_and_missing_steps_are_no_inputs_and_no_targets_of_the_second(tiny2, kind):
    beside = np.array([1.0, 2.0]) if kind == "static" else np.ones((2, 40))
    batch = batch_of(**{kind: beside})
    assert batch.series.shape[1] == 3
    assert batch.num_exogenous == (0 if kind == "past" else 2)
    assert not batch.weight[:, 1:].any()
    model = generation_of(tiny2)
    before = model.loss(batch).item()
    values = batch.series.clone().requires_grad_(True)
    model.loss(batch._replace(series=values)).backward()
    assert values.grad[batch.observed].any()
    assert not values.grad[~batch.observed].any()
    assert not values.grad[:, :, 29:].any()
    if kind == "past":  # hidden in the horizon, where nobody knows it
        assert not batch.observed[:, 1:, 24:].any()
    hidden = batch.series.clone()
    hidden[~batch.observed] = 1e3
    assert model.loss(batch._replace(series=hidden)).item() == pytest.approx(before, rel=1e-9)


def test_labels_change_little_at_first_and_only_where_there_are_none(make_tiny, tiny2):
    first = generation_of(make_tiny())
    assert first.can_be_labelled
    assert not first.is_labelled
    first.add_labels(seed=0)
    assert first.is_labelled
    label = first.model.model.target_variate_label.clone()
    first.add_labels(seed=1)
    assert torch.equal(first.model.model.target_variate_label, label)
    second = generation_of(tiny2)
    names = set(tiny2.state_dict())
    second.add_labels(seed=0)
    assert set(tiny2.state_dict()) == names
    assert not second.can_be_labelled
