"""One call for a predictor of GluonTS, whatever the generation of the model."""

import numpy as np
import pytest

from toto import InputError, Toto2Forecaster
from toto.inference.forecaster2 import AS_PUBLISHED

pytest.importorskip("gluonts")
from pandas import Period

from toto.inference.gluonts_predictor import TotoPredictor
from toto.inference.gluonts_predictors import predictor_of

HORIZON, CONTEXT = 20, 40
VALUES = np.random.default_rng(0).normal(size=(2, 90)).cumsum(-1)
DATASET = [{"target": target, "start": Period("2024-01-01", freq="h")} for target in (VALUES[0], VALUES)]


def test_a_model_that_draws_paths_gets_the_predictor_of_paths(tiny):
    predictor = predictor_of(tiny, HORIZON, CONTEXT, num_samples=4, seed=0)
    assert isinstance(predictor, TotoPredictor)
    assert (predictor.context_length, predictor.num_samples) == (CONTEXT, 4)


def test_a_model_of_quantiles_sees_as_many_steps(tiny2):
    one, both = predictor_of(tiny2, HORIZON, CONTEXT, batch_size=1, quantiles=[0.1, 0.5]).predict(DATASET)
    expected = Toto2Forecaster(tiny2).forecast([VALUES[0, -CONTEXT:]], HORIZON, **AS_PUBLISHED)[0]
    np.testing.assert_allclose(one.quantile(0.5), expected.median[0, 0].numpy(), rtol=1e-6)
    assert both.forecast_array.shape == (2, HORIZON, 2)


@pytest.mark.parametrize("model", ["tiny", "tiny2"])
def test_no_context_is_an_error(request, model):
    with pytest.raises(InputError, match="context_length must be a whole number of at least 1, got 0"):
        predictor_of(request.getfixturevalue(model), HORIZON, 0)
