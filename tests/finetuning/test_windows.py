from dataclasses import replace

import numpy as np
import pytest
import torch

from toto.data.regular_series import RegularSeries
from toto.data.time_grid import EvenGrid
from toto.finetuning.windows import Windows
from toto.inference.pipeline.batches import Batches
from toto.inference.pipeline.reading import Reading
from toto.model.losses import pretraining_loss

READING = Reading(patch_size=8, context=24, horizon=5, labelled=True)


def series(num_steps=60, num_known=2, num_past=1, first=0.0):
    """Targets that count steps from `first`, and covariates that tell their step too."""
    values = first + np.arange(num_steps, dtype=float)[None]
    known = 1000.0 * np.arange(1, num_known + 1)[:, None] + values
    past = 9000.0 + np.repeat(values, num_past, axis=0)
    return RegularSeries(values, ("y",), EvenGrid(0, 1), past=past, known=known)


def windows(some, ends, **changes):
    settings = {"min_history": 4, "batch_size": 64, "horizon_share": 0.5, "seed": 0}
    return Windows(some, ends, READING, **settings | changes)


def test_a_batch_depends_on_seed_and_number_alone():
    first, second = windows([series()], [50]), windows([series()], [50])
    first.batch(3)
    for one, other in zip(first.batch(7)[:3], second.batch(7)[:3], strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(first.batch(8).series, second.batch(7).series)
    assert not torch.equal(windows([series()], [50], seed=1).batch(7).series, second.batch(7).series)


def test_no_target_lies_behind_the_end_of_its_series():
    some = [series(60), series(30, first=100.0), series(12, first=200.0)]
    ends, drawn = [50, 20, 8], []
    for number in range(20):
        batch = windows(some, ends).batch(number)
        counted = batch.observed & (batch.weight > 0)
        drawn.append(batch.series[counted])
    steps = torch.cat(drawn).numpy()
    assert set(np.unique(steps // 100)) == {0, 1}  # the third is too short
    assert steps[steps < 100].max() == 49
    assert steps[(steps >= 100)].max() == 119


def test_covariates_what_is_missing_and_what_lies_behind_the_horizon_do_not_count():
    one = series()
    one.values[0, 2:5] = np.nan
    batch = windows([one], [50]).batch(0)
    assert batch.weight.shape == (64, 4, 32)
    assert not batch.weight[:, 1:].any()
    assert not batch.weight[..., 29:].any()
    assert not batch.weight[~batch.observed].any()
    whole = batch.weight[batch.weight[:, 0, :29].all(-1)][0, 0]
    assert whole[:24].sum().item() == pytest.approx(0.5)
    assert whole[24:29].sum().item() == pytest.approx(0.5)


def test_interpolated_values_are_read_and_are_no_targets():
    one = series()
    one.values[0, 30:33] = np.nan
    reading = replace(READING, interpolate=True)
    made = Windows([one], [60], reading, min_history=4, batch_size=2, horizon_share=0.5, seed=0)
    values, wanted = made.window(one, 40)
    np.testing.assert_array_equal(values[0, :24], np.arange(16.0, 40))
    assert (~wanted[0, :29]).nonzero()[0].tolist() == [14, 15, 16]
    assert not wanted[1:].any()


@pytest.mark.parametrize("origin", [40, 13])
def test_a_window_is_what_a_forecast_from_its_origin_reads(tiny, origin):
    one = series()
    one.values[0, 5:9] = np.nan
    window, _ = windows([one], [60]).window(one, origin)
    batches = Batches(replace(tiny.config), 24, 5, 2, labelled=True)
    (batch,) = batches.of([one.until(origin, 5)])
    read = batch.inputs.series[0].numpy()
    np.testing.assert_array_equal(window[:, 24 - read.shape[1] : 24], read)
    np.testing.assert_array_equal(window[0, 24:29], one.values[0, origin : origin + 5])
    np.testing.assert_array_equal(window[1:, 24:29], batch.known_future[0])
    assert np.isnan(window[:, 29:]).all()


def test_windows_longer_than_a_patch_go_on_with_the_truth():
    reading = replace(READING, horizon=20)
    made = Windows([series()], [60], reading, min_history=4, batch_size=2, horizon_share=0.5, seed=0)
    window, _ = made.window(series(), 30)
    assert window.shape == (4, 24 + 24)
    np.testing.assert_array_equal(window[0, 24:44], np.arange(30.0, 50))
    np.testing.assert_array_equal(window[2, 24:36], 1000.0 + np.arange(38.0, 50))
    np.testing.assert_array_equal(window[2, 36:44], np.full(8, 1049.0))  # known up to the horizon


def test_missing_and_padded_steps_and_covariates_have_no_gradient(make_tiny):
    tiny = make_tiny(dropout=0.0)
    tiny.model.enable_variate_labels()
    one = series(num_steps=30)
    one.values[0, 10:14] = np.nan
    batch = windows([one], [30], batch_size=8).batch(0)
    values = batch.series.clone().requires_grad_(True)
    output = tiny.model(values, batch.observed, torch.zeros_like(values), None, 24, 3)
    loss = pretraining_loss(output, values, batch.observed, 8, 8, batch.weight)
    (gradient,) = torch.autograd.grad(loss.total, values)
    assert not gradient[~batch.observed].any()
    assert gradient[batch.observed].any()
    assert not gradient[:, :, 29:].any()
    changed = batch.series.clone()
    changed[:, 1:, 24:29] += 100.0  # covariates as targets of the last patch
    again = tiny.model(batch.series, batch.observed, torch.zeros_like(values), None, 24, 3)
    other = pretraining_loss(again, changed, batch.observed, 8, 8, batch.weight)
    assert other.total.item() == pytest.approx(loss.total.item(), abs=1e-12)


def test_a_series_without_a_value_to_train_on_has_no_windows():
    late = series()
    late.values[0, :50] = np.nan
    assert windows([late], [50]).num_windows == 0
    assert windows([late, series()], [50, 50]).num_windows == windows([series()], [50]).num_windows


def test_series_of_other_shapes_come_in_other_batches():
    made = windows([series(), series(num_known=1)], [50, 50])
    assert {made.batch(number).series.shape[1] for number in range(8)} == {3, 4}
