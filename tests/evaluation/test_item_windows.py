import numpy as np
import pytest

from toto import InputError, TotoForecaster
from toto.data.items import transform_fev_dataset
from toto.data.masked_timeseries import MaskedTimeseries
from toto.evaluation.fev.evaluate import evaluate_model
from toto.evaluation.item_windows import aggregate_results

pytest.importorskip("pandas")


@pytest.fixture
def items():
    random = np.random.default_rng(0)
    return transform_fev_dataset(
        [{"target": random.normal(100, 5, steps), "w": random.normal(size=steps)} for steps in (120, 90)],
        ev_fields=["w"],
    )


def test_scores_are_those_of_a_plain_loop_over_windows(tiny, items):
    found = evaluate_model(tiny, items, 32, 6, 12, num_samples=16)
    assert list(found.columns) == ["abs_error", "mean_wQuantileLoss", "MASE"]
    assert len(found) == 2  # windows of the longest series; of the shorter one there is one
    errors = np.zeros(2)
    scaled: list[list[float]] = [[], []]
    for target, origins in zip(items["target"], ([108, 114], [81]), strict=True):
        for window, origin in enumerate(origins):
            seen = MaskedTimeseries.from_array(target[:, origin - 32 : origin])
            place = [108, 114, 81].index(origin)
            forecast = TotoForecaster(tiny).forecast(
                seen, 6, 16, seed=0, series_ids=[place], variance_reduction=True, keep_distribution=True
            )
            error = np.abs(forecast.quantile(0.5)[0].numpy() - target[:, origin : origin + 6])
            errors[window] += error.sum()
            scale = np.abs(target[:, 12:origin] - target[:, : origin - 12]).mean()
            scaled[window].append(error.mean() / scale)
    np.testing.assert_allclose(found["abs_error"], errors, rtol=1e-6)
    np.testing.assert_allclose(found["MASE"], [np.mean(some) for some in scaled], rtol=1e-6)
    assert aggregate_results(found)["abs_error"] == pytest.approx(np.median(errors))


def test_covariates_are_read_if_they_are_asked_for_and_not_beyond_the_window(make_tiny, items):
    tiny = make_tiny()
    tiny.model.enable_variate_labels()
    without, with_covariates = (
        evaluate_model(tiny, items, 32, 6, 12, add_exogenous_variables=asked, num_samples=4)
        for asked in (False, True)
    )
    assert not np.allclose(without["abs_error"], with_covariates["abs_error"])
    items[0]["feat_dynamic_real"][:, 114:] += 50  # of the second window alone
    changed = evaluate_model(tiny, items, 32, 6, 12, add_exogenous_variables=True, num_samples=4)
    assert changed["abs_error"][0] == with_covariates["abs_error"][0]
    assert changed["abs_error"][1] != with_covariates["abs_error"][1]


def test_what_cannot_be_evaluated_is_refused(tiny, items):
    with pytest.raises(InputError, match="no series is longer than the 200 steps of a window"):
        evaluate_model(tiny, items, 32, 200, 12)
    bare = transform_fev_dataset([{"target": np.arange(50.0)}])
    with pytest.raises(InputError, match="needs series with feat_dynamic_real: name ev_fields"):
        evaluate_model(tiny, bare, 32, 6, 12, add_exogenous_variables=True)
