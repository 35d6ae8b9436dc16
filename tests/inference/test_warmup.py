"""Forecasts of made-up series before the first request."""

import subprocess
import sys
from inspect import unwrap

import numpy as np
import pytest
import torch

from toto import (
    ForecastShape,
    InputError,
    TotoPipeline,
    standard_warmup,
    thorough_warmup,
    verify_warmup_effectiveness,
    warmup,
)
from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.inference import warmup as module
from toto.inference.pipeline.fit_record import FitRecord

# in a process of its own: the compiler does not trace through the type checks of the tests
COUNTS = """
import numpy as np, torch
from toto import Toto, TotoPipeline, standard_warmup, verify_warmup_effectiveness
from toto.inference.compilation import num_compilations

torch.manual_seed(0)
toto = Toto(8, 8, 16, 2, 2, 16, 0.0, 2, "CausalPatchStdMeanScaler", ["StudentTOutput"], spacewise_first=False)
pipe = TotoPipeline(toto.eval())
pipe.model.compile(backend="eager")
check = verify_warmup_effectiveness(pipe, np.sin(np.arange(90.0)), num_samples=4, num_runs=2)
compiled_cold = num_compilations() - check.warmup.num_compilations
assert compiled_cold > 0 and num_compilations() == 3, (compiled_cold, num_compilations())
assert check.num_recompilations == 0
assert check.largest_difference < 1e-5, check

assert standard_warmup(pipe).num_compilations == 0  # it is warm already
for shape in ((30,), (7, 20), (2, 3, 100)):
    pipe.forecast(np.ones(shape), 20, multivariate=True, num_samples=3)
assert num_compilations() == 3

with torch.inference_mode():  # what has been compiled under no_grad does not serve here
    report = standard_warmup(pipe)
assert report.num_compilations == num_compilations() - 3 > 0, report
"""


@pytest.fixture
def pipe(make_tiny):
    return TotoPipeline(make_tiny().float())


@pytest.fixture
def calls(monkeypatch):
    """The shapes of what is forecast, and the numbers of paths."""
    made, forecast = [], module.forecast_arrays

    def recorded(pipeline, values, horizon, num_samples, seed):
        made.append((values.shape, horizon, num_samples))
        return forecast(pipeline, values, horizon, num_samples, seed)

    monkeypatch.setattr(module, "forecast_arrays", recorded)
    return made


def test_every_shape_is_forecast_once(pipe, calls):
    shapes = [ForecastShape(40, 10, 2, 4, 3), ForecastShape(24, num_samples=2)]
    report = warmup(pipe, shapes)
    assert calls == [((3, 2, 40), 10, 4), ((1, 1, 24), 16, 2)]
    assert report.shapes == tuple(shapes)
    assert min(report.seconds_by_shape) > 0
    assert report.seconds == sum(report.seconds_by_shape)
    assert report.num_compilations == 0
    assert str(report).endswith("s, 0 compilations, 2 forecasts")


def test_the_standard_warmup_meets_single_and_several_series(pipe, calls):
    standard_warmup(pipe)
    assert calls == [((1, 1, 512), 16, 32), ((2, 3, 512), 16, 32)]


def test_the_thorough_warmup_forecasts_more_shapes_twice(pipe, calls, monkeypatch):
    monkeypatch.setattr(module, "THOROUGH", (ForecastShape(16, 1, num_samples=2), ForecastShape(8)))
    report = thorough_warmup(pipe)
    assert calls == [((1, 1, 16), 1, 2), ((1, 1, 8), 16, 32)] * 2
    assert len(report.shapes) == 4


def test_a_warmup_leaves_the_random_state_and_later_forecasts_alone(pipe):
    data, state = np.sin(np.arange(30.0)), torch.get_rng_state()
    before = pipe.forecast(data, 10, num_samples=4, seed=0).samples
    warmup(pipe, [ForecastShape(20, num_samples=2)])
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(pipe.forecast(data, 10, num_samples=4, seed=0).samples, before)


def test_what_is_compiled_is_counted_before_and_after_the_warmup():
    done = subprocess.run([sys.executable, "-c", COUNTS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_a_shape_is_told_in_words():
    assert str(ForecastShape()) == "1 x 512 -> two patches, 32 paths"
    assert str(ForecastShape(100, 5, 2, 4, 9)) == "9 series of 2 x 100 -> 5, 4 paths"


def test_sizes_are_at_least_1():
    with pytest.raises(InputError, match="num_series must be a whole number of at least 1, got 0"):
        ForecastShape(num_series=0)
    with pytest.raises(InputError, match="horizon must be a whole number of at least 1, got 0"):
        ForecastShape(horizon=0)


def test_a_warmup_needs_shapes(pipe):
    with pytest.raises(InputError, match="shapes must hold at least one ForecastShape, got none"):
        warmup(pipe, [])
    with pytest.raises(InputError, match=r"shapes must be a list of ForecastShape, got ForecastShape\("):
        unwrap(warmup)(pipe, ForecastShape())  # without the type checks of tests
    with pytest.raises(InputError, match=r"shapes must be a list of ForecastShape, got \[512\]"):
        unwrap(warmup)(pipe, [512])


def test_a_model_that_was_trained_with_covariates_is_warmed_up_and_checked_without(make_tiny):
    toto = make_tiny()
    toto.model.enable_variate_labels()
    record = FitRecord(Layout(columns=["y"]), Covariates(known=("x",)), 3, 16)
    toto.config = toto.model.config = record.into(toto.config)
    pipe, shapes = TotoPipeline(toto.float()), [ForecastShape(40, 10, 2, 4)]
    assert warmup(pipe, shapes).seconds > 0
    check = verify_warmup_effectiveness(pipe, np.sin(np.arange(60.0)), 5, num_runs=2, shapes=shapes)
    assert check.largest_difference == 0
