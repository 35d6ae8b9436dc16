"""What can be asked of the result of a pipeline."""

from inspect import unwrap

import numpy as np
import pytest
import torch

from toto import InputError, TotoPipeline
from toto.inference.pipeline import sampled
from toto.inference.pipeline.forecast import PipelineForecast

pd = pytest.importorskip("pandas")


@pytest.fixture
def pipe(make_tiny):
    return TotoPipeline(make_tiny().float())


def data(rows=3, steps=40):
    rng = np.random.default_rng(0)
    return 5 + np.sin(np.arange(steps) / 3) + 0.3 * rng.normal(size=(rows, steps))


@pytest.fixture
def forecast(pipe):
    return pipe.forecast(data(), 20, num_samples=16, seed=0)


def raises(message):
    return pytest.raises(InputError, match=message)


def test_quantiles_are_in_order_and_the_median_is_one_of_them(forecast):
    quantiles = forecast.quantile(torch.tensor([0.1, 0.5, 0.77]))
    assert bool((quantiles.diff(dim=0) > 0).all())
    torch.testing.assert_close(quantiles[1], forecast.median)
    assert forecast.quantile([]).shape == (0, 3, 20)


def test_large_forecasts_keep_the_levels_that_were_asked_for(pipe, forecast, monkeypatch):
    monkeypatch.setattr(sampled, "_BYTES_KEPT", 0)
    large = pipe.forecast(data(), 20, num_samples=16, seed=0, quantile_levels=[0.9, 0.1])
    torch.testing.assert_close(large.quantile([0.1, 0.5, 0.9]), forecast.quantile([0.1, 0.5, 0.9]))
    with raises(r"q: the quantile 0.3 was not asked for, .* pass quantile_levels=\[..., 0.3\] to forecast"):
        large.quantile(0.3)
    assert list(large.to_frame().columns) == ["step", "variate", "mean", "median", "0.1", "0.9"]
    assert len(large.plot().axes) == 3


def test_questions_about_paths_that_are_not_joined_say_so(pipe, forecast, caplog):
    forecast.aggregate("sum")
    assert "drawn each by itself" in caplog.text
    assert "pass joint_draws=True to forecast" in caplog.text
    caplog.clear()
    joint = pipe.forecast(data(), 20, num_samples=16, seed=0, joint_draws=True)
    joint.aggregate("sum"), joint.probability(lambda paths: paths.sum(-1) > 100), joint.time_to_threshold(5.5)
    pipe.forecast(data(), 1, num_samples=16, seed=0).aggregate("sum")
    assert not caplog.text


def test_the_probability_of_an_event_is_its_share_of_paths(forecast):
    found = forecast.probability(lambda paths: paths.sum(-1) > 100)
    torch.testing.assert_close(found, (forecast.samples.sum(-2) > 100).double().mean(-1))
    both = forecast.probability(lambda paths: (paths[0].amax(-1) > 6) & (paths[1].amax(-1) > 6))
    assert both.shape == ()
    with raises(r"event must return True or False for each of 16 paths, \[..., samples\], got torch.float64"):
        forecast.probability(lambda paths: paths.sum(-1))
    with raises(r"got torch.bool \[3, 16, 20\]"):
        forecast.probability(lambda paths: paths > 3)
    with raises("got True"):
        forecast.probability(lambda paths: True)


def test_the_time_to_a_threshold_is_the_first_step_that_reaches_it(forecast):
    paths = forecast.samples.numpy()
    for below in (False, True):
        found = forecast.time_to_threshold(5.5, below=below).numpy()
        for row in range(3):
            for path in range(16):
                values = paths[row, :, path]
                reached = np.flatnonzero(values <= 5.5 if below else values >= 5.5)
                assert found[row, path] == (reached[0] + 1 if len(reached) else np.inf)
    levels = torch.tensor([-1e9, 1e9, 5.5])
    mixed = forecast.time_to_threshold(levels)
    assert bool((mixed[0] == 1).all())
    assert bool(mixed[1].isinf().all())
    torch.testing.assert_close(mixed[2], forecast.time_to_threshold(5.5)[2])
    with raises(r"threshold must be a number or one for each row \[3\], got shape \[2\]"):
        forecast.time_to_threshold([1.0, 2.0])


@pytest.mark.parametrize(
    ("how", "function"), [("sum", np.sum), ("mean", np.mean), ("max", np.max), ("min", np.min)]
)
def test_paths_are_aggregated_over_the_horizon(forecast, how, function):
    np.testing.assert_allclose(forecast.aggregate(how), function(forecast.samples.numpy(), axis=-2))
    with raises("how must be one of sum, mean, max, min, got 'median'"):
        forecast.aggregate("median")


def test_samples_may_be_left_out(pipe, forecast):
    bare = pipe.forecast(data(), 20, num_samples=16, seed=0, keep_samples=False)
    torch.testing.assert_close(bare.median, forecast.median)
    for ask in (lambda: bare.samples, lambda: bare.aggregate("sum"), lambda: bare.probability(bool)):
        with raises("samples were not kept: pass keep_samples=True to forecast"):
            ask()
    assert "samples none" in repr(bare)
    assert repr(forecast) == "PipelineForecast(3 rows, horizon 20, samples 16)"


def test_a_frame_has_the_levels_that_are_asked_for(forecast):
    frame = forecast.to_frame([0.975, 0.025])
    assert list(frame.columns) == ["step", "variate", "mean", "median", "0.975", "0.025"]
    np.testing.assert_allclose(frame["0.975"], forecast.quantile(0.975).flatten())
    assert frame["variate"].tolist()[::20] == ["variate 0", "variate 1", "variate 2"]
    assert frame["step"].tolist()[:3] == [40, 41, 42]


def test_ids_are_those_of_the_frame(pipe):
    frame = pd.DataFrame({"unique_id": [7, 7, 3, 3], "ds": [1, 2, 1, 2], "y": [1.0, 2, 3, 4]})
    forecast = pipe.forecast(frame, 2, num_samples=2)
    assert forecast.ids == [7, 3]
    assert forecast.labels == ["7", "3"]
    assert forecast.timestamps.tolist() == [[3, 4], [3, 4]]


def test_a_picture_has_a_panel_for_each_row_with_its_history(forecast, pipe):
    pytest.importorskip("matplotlib")
    axes = forecast.plot(title="waves", history_steps=7).axes
    assert [axis.get_title(loc="left") for axis in axes] == ["variate 0", "variate 1", "variate 2"]
    history, median = axes[0].lines[0], next(line for line in axes[0].lines if line.get_label() == "median")
    np.testing.assert_allclose(history.get_ydata(), data()[0, -7:])
    np.testing.assert_allclose(median.get_ydata(), forecast.median[0])
    many = pipe.forecast(data(30, 16), 2, num_samples=2)
    assert len(many.plot().axes) == 24


def test_an_error_leaves_no_quantiles_behind(forecast):
    for _ in range(2):
        with raises(r"levels must be levels from 0 to 1, got \[1.5\]"):
            forecast.to_frame([1.5])
        with raises("q must be a level from 0 to 1"):
            forecast.rows.quantile(1.5)
    assert 1.5 not in forecast.rows.quantiles
    with raises(r"levels must be levels from 0 to 1, got \['a'\]"):
        forecast.to_frame(["a"])
    assert list(forecast.to_frame(0.25).columns)[-2:] == ["median", "0.25"]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda one: unwrap(PipelineForecast.aggregate)(one, ["sum"]),
            r"how must be one of sum, mean, max, min, got \['sum'\]",
        ),
        (lambda one: one.time_to_threshold("a"), "threshold must be a number or one for each row .* got 'a'"),
        (
            lambda one: unwrap(PipelineForecast.time_to_threshold)(one, 1, below="no"),
            "below must be True or False, got 'no'",
        ),
        (
            lambda one: unwrap(PipelineForecast.probability)(one, 3),
            "event must be a function that is called with the paths, got 3",
        ),
        (
            lambda one: unwrap(PipelineForecast.plot)(one, history_steps="a"),
            "history_steps must be a whole number .* got 'a'",
        ),
        (
            lambda one: one.plot(history_steps=-3),
            "history_steps must be a whole number of at least 0, got -3",
        ),
    ],
)
def test_arguments_that_are_none_are_errors(forecast, ask, message):  # without the type checks of tests
    with raises(message):
        ask(forecast)
