"""The GluonTS predictor of quantiles: the forecasts of `Toto2Forecaster`, for datasets."""

import warnings

import numpy as np
import pytest
import torch

from toto import CheckpointError, InputError, MaskedTimeseries, Toto2Forecaster

pytest.importorskip("gluonts")
from gluonts.dataset.common import ListDataset
from gluonts.dataset.split import split
from gluonts.ev.metrics import MASE, MeanWeightedSumQuantileLoss
from gluonts.model import evaluate_model
from gluonts.model.predictor import Predictor
from pandas import Period

from toto.inference.gluonts_predictor2 import Toto2GluonTSModel, Toto2GluonTSModelConfig

START = Period("2024-01-01", freq="h")
HORIZON, CONTEXT = 12, 48
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def walk(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).cumsum(-1)


def predictor_of(model, target_dim=1, batch_size=4, **options):
    config = Toto2GluonTSModelConfig(HORIZON, CONTEXT, target_dim, **options)
    return Toto2GluonTSModel(model, config).to("cpu").eval().create_predictor(batch_size, device="cpu")


def expected_of(model, rows, future=None, num_known=0):
    series = MaskedTimeseries.from_array(rows, num_exogenous_variables=num_known)
    return Toto2Forecaster(model).forecast(
        series, HORIZON, None, future, scaler_fallback_min_obs=8, quantile_real_cap_k=1e4
    )


def test_items_are_forecast_from_the_published_length_of_context(tiny2):
    config = Toto2GluonTSModelConfig(HORIZON, CONTEXT, 1)
    assert config.past_length(8) == 40  # 12 steps are two patches, of which one is part of the context
    assert config.past_length(64) == 64
    values = walk(90)
    values[60:65] = np.nan
    dataset = [
        {"target": values, "start": START, "item_id": "load"},
        {"target": walk(9, seed=1), "start": Period("2024-01", freq="M")},
    ]
    first, second = predictor_of(tiny2).predict(dataset)
    expected = expected_of(tiny2, values[None, -40:])
    for level in LEVELS:
        np.testing.assert_allclose(first.quantile(level), expected.quantile(level)[0, 0].numpy(), rtol=1e-5)
    assert (first.item_id, first.start_date) == ("load", START + 90)
    assert second.start_date == Period("2024-10", freq="M")
    assert second.forecast_array.shape == (9, HORIZON)


def test_batches_change_nothing(tiny2):
    dataset = [{"target": walk(n, seed=n), "start": START} for n in (5, 60, 33, 200)]
    several, one = (list(predictor_of(tiny2, batch_size=size).predict(dataset)) for size in (4, 1))
    for a, b in zip(several, one, strict=True):
        np.testing.assert_allclose(a.forecast_array, b.forecast_array, rtol=1e-5, atol=1e-6)


def test_variates_see_each_other_and_levels_are_interpolated(tiny2):
    values = walk(3, 40)
    (found,) = predictor_of(tiny2, 3, quantiles=[0.25, 0.5]).predict([{"target": values, "start": START}])
    expected = expected_of(tiny2, values)
    assert found.forecast_array.shape == (2, HORIZON, 3)
    np.testing.assert_allclose(found.quantile(0.25), expected.quantile(0.25)[0].T.numpy(), rtol=1e-6)


def test_covariates_are_read_and_not_forecast(tiny2):
    values, past, known = walk(40), walk(2, 40, seed=1), walk(1, 40 + HORIZON, seed=2)
    known[0, 3] = np.nan
    entry = {"target": values, "start": START, "past_feat_dynamic_real": past, "feat_dynamic_real": known}
    predictor = predictor_of(tiny2, past_feat_dynamic_real_dim=2, feat_dynamic_real_dim=1)
    (found,) = predictor.predict([entry])
    rows = np.concatenate([values[None], past, known[:, :40]])
    expected = expected_of(tiny2, rows, torch.tensor(known[None, :, 40:]), num_known=1)
    np.testing.assert_allclose(found.quantile(0.5), expected.median[0, 0].numpy(), rtol=1e-6)
    entry["feat_dynamic_real"] = known[:, :40]
    message = r"dataset\[0\]: feat_dynamic_real must be \[1, 52\], .* target and horizon, got \(1, 40\)"
    with pytest.raises(InputError, match=message):
        list(predictor.predict([entry]))


def test_gluonts_evaluates_it(tiny2):
    dataset = ListDataset([{"target": walk(90, seed=n), "start": "2024-01-01"} for n in (1, 2)], freq="h")
    _, template = split(dataset, offset=-HORIZON)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = evaluate_model(
            predictor_of(tiny2),
            test_data=template.generate_instances(HORIZON),
            metrics=[MASE(), MeanWeightedSumQuantileLoss(LEVELS)],
        )
    assert np.isfinite(scores.to_numpy()).all()


def test_a_predictor_goes_to_a_folder_and_back(tiny2, tmp_path):
    dataset = [{"target": walk(50), "start": START}]
    predictor = predictor_of(tiny2)
    predictor.serialize(tmp_path / "p")
    (before,), (after,) = predictor.predict(dataset), Predictor.deserialize(tmp_path / "p").predict(dataset)
    np.testing.assert_allclose(after.forecast_array, before.forecast_array, rtol=1e-12)
    with pytest.raises(CheckpointError, match="holds no Toto2Predictor that can be read"):
        type(predictor).deserialize(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantiles": [0.05, 0.5]}, "quantiles must be from 0.1 to 0.9, the levels that the model predicts"),
        (
            {"imputation_internal": "mean"},
            "imputation_internal must be one of ffill, linear, none, got",
        ),
        ({"target_dim": 0}, "target_dim must be a whole number of at least 1, got 0"),
    ],
)
def test_settings_that_break_a_rule_are_errors(options, message):
    with pytest.raises(InputError, match=message):
        Toto2GluonTSModelConfig(**{"prediction_length": 3, "context_length": 9, "target_dim": 1} | options)


def test_a_target_of_other_dimensions_is_an_error(tiny2):
    message = (
        r"dataset\[0\]: target must have as many variates as target_dim says, {}, got 2; target_dim None"
    )
    for target_dim in (1, 3):
        with pytest.raises(InputError, match=message.format(target_dim)):
            list(predictor_of(tiny2, target_dim).predict([{"target": walk(2, 40), "start": START}]))
    targets = [{"target": walk(*shape), "start": START} for shape in ((2, 40), (40,))]
    shapes = [found.forecast_array.shape for found in predictor_of(tiny2, None).predict(targets)]
    assert shapes == [(9, HORIZON, 2), (9, HORIZON)]


def test_what_is_no_dataset_is_an_error(tiny2):
    with pytest.raises(InputError, match=r"dataset must be entries with target and start, .* got dict"):
        list(predictor_of(tiny2).predict({"target": walk(40), "start": START}))


def test_files_keep_the_precision(tiny2, tmp_path):
    before = predictor_of(tiny2.set_precision("bfloat16"))
    before.serialize(tmp_path)
    after = type(before).deserialize(tmp_path)
    dtypes = [[w.dtype for w in p.forecaster.model.parameters()] for p in (before, after)]
    assert dtypes[0] == dtypes[1]
