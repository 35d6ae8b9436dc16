"""The same pipeline with a model of the second generation."""

import numpy as np
import pytest
import torch

from toto import ConfigError, InputError, Toto2Forecaster, TotoForecaster, TotoPipeline, estimate_memory
from toto.inference.models import draws_paths, forecaster_of, load_model
from toto.model.checkpoint import generation

pd = pytest.importorskip("pandas")

HORIZON = 20
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # other positions: angles are float32


@pytest.fixture
def pipe(tiny2):
    return TotoPipeline(tiny2)


def raises(message):
    return pytest.raises(InputError, match=message)


def waves(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return 5 + np.sin(np.arange(shape[-1]) / 3) + 0.3 * rng.normal(size=shape)


def ragged(lengths=(30, 55, 23, 90)):
    """Series below each other, with gaps; on grids of their own."""
    frames = []
    for place, length in enumerate(lengths):
        times = pd.date_range("2024-01-01", periods=length, freq=("h", "D", "15min", "MS")[place % 4])
        frame = pd.DataFrame({"unique_id": f"s{place}", "ds": times, "y": waves(length, seed=place)})
        frames.append(frame.drop(index=[7, 8]))
    return pd.concat(frames, ignore_index=True)


def test_the_configuration_of_a_checkpoint_tells_its_generation(tiny, tiny2, tmp_path):
    tiny.save_pretrained(tmp_path / "one")
    tiny2.save_pretrained(tmp_path / "two")
    first = TotoPipeline.from_pretrained(tmp_path / "one")
    second = TotoPipeline.from_pretrained(tmp_path / "two" / "model.safetensors")
    assert isinstance(first.forecaster, TotoForecaster)
    assert isinstance(second.forecaster, Toto2Forecaster)
    assert (generation(tmp_path / "one"), generation(tmp_path / "two")) == (1, 2)
    assert (draws_paths(first.model), draws_paths(second.forecaster)) == (True, False)
    assert forecaster_of(second.forecaster) is second.forecaster
    assert not load_model(tmp_path / "two", use_xpos=False).config.use_xpos
    with pytest.raises(ConfigError, match="the configuration has no surprise; its fields are patch_size, d_"):
        load_model(tmp_path / "two", surprise=4)
    data = waves(2, 50)
    assert torch.equal(second.forecast(data, 9).median, TotoPipeline(tiny2).forecast(data, 9).median)


def test_a_frame_gets_the_columns_that_a_forecast_by_paths_has(pipe, tiny):
    df = ragged()
    other = TotoPipeline(tiny.float()).forecast(df, HORIZON, num_samples=2)
    found = pipe.forecast(df, HORIZON)
    assert list(found.to_frame().columns) == list(other.to_frame().columns)
    assert found.to_frame()["ds"].tolist() == other.to_frame()["ds"].tolist()
    assert repr(found) == "PipelineForecast(4 rows, horizon 20, 9 quantiles from 0.1 to 0.9)"
    assert len(found.plot().axes) == 4


def test_a_series_of_a_frame_does_not_depend_on_the_others(pipe):
    df = ragged()
    everything = pipe.forecast(df, HORIZON)
    for place, name in enumerate(everything.ids):
        alone = pipe.forecast(df[df["unique_id"] == name], HORIZON)
        for level in LEVELS:
            torch.testing.assert_close(alone.quantile(level)[0], everything.quantile(level)[place], **CLOSE)


def test_the_pipeline_forecasts_what_the_forecaster_does(pipe):
    values = waves(3, 44)
    values[1, 5:20] = np.nan
    found = pipe.forecast(values, HORIZON, multivariate=True, decode_block_size=8)
    expected = pipe.forecaster.forecast(
        [values], HORIZON, 8, scaler_fallback_min_obs=8, quantile_real_cap_k=1e4
    )[0]
    torch.testing.assert_close(found.quantile(LEVELS), expected.quantile(LEVELS)[:, 0])
    torch.testing.assert_close(found.mean, expected.mean[0])
    filled = pipe.forecast(values, HORIZON, multivariate=True, missing="interpolate")
    assert not torch.allclose(filled.median, pipe.forecast(values, HORIZON, multivariate=True).median)


def test_between_the_levels_quantiles_are_interpolated_and_outside_they_are_errors(pipe):
    forecast = pipe.forecast(waves(2, 40), HORIZON)
    low, middle, high = forecast.quantile([0.2, 0.25, 0.3])
    torch.testing.assert_close(middle, (low + high) / 2)
    with raises(r'q must be from 0.1 to 0.9, .* got 0.95: .* with tails "exponential" the'):
        forecast.quantile(0.95)
    with raises("quantile_levels must be from 0.1 to 0.9, the levels that the model predicts"):
        pipe.forecast(waves(2, 40), HORIZON, quantile_levels=[0.025, 0.5])
    with raises("tails must be one of error, exponential, got 'normal'"):
        pipe.forecast(waves(2, 40), HORIZON, tails="normal")


def test_a_model_of_the_tails_is_there_for_who_asks(pipe):
    forecast = pipe.forecast(waves(2, 40), HORIZON, tails="exponential", quantile_levels=[0.025, 0.5, 0.975])
    assert list(forecast.to_frame().columns)[-3:] == ["0.025", "0.5", "0.975"]
    wide = forecast.quantile([0.001, 0.025, 0.1, 0.9, 0.975, 0.999])
    assert bool((wide.diff(dim=0) > 0).all())
    assert len(forecast.plot().axes) == 2


def test_the_distribution_of_a_pipeline_has_that_model_of_the_tails(pipe):
    data = waves(2, 40)
    found, forecast = pipe.predict_distribution(data, HORIZON), pipe.forecast(data, HORIZON)
    torch.testing.assert_close(found.quantile([0.3, 0.9]), forecast.quantile([0.3, 0.9]))
    torch.testing.assert_close(found.cdf(forecast.quantile(0.35)), torch.full((2, HORIZON), 0.35).double())
    low, high = found.interval(0.99)
    torch.testing.assert_close(found.sf(high), torch.full_like(high, 0.005))
    assert found.log_prob(low).isfinite().all()
    assert found.sample(3, seed=0).shape == (2, HORIZON, 3)
    assert found.std.shape == (2, HORIZON)


@pytest.mark.parametrize(
    "ask",
    [
        lambda forecast: forecast.samples,
        lambda forecast: forecast.probability(lambda paths: paths.sum(-1) > 1),
        lambda forecast: forecast.time_to_threshold(3),
        lambda forecast: forecast.aggregate("sum"),
    ],
)
def test_what_needs_sample_paths_is_an_error_that_says_what_to_do(pipe, ask):
    with raises(r"has no sample paths, .* ask for quantile\(...\) of each step, or take a model that draws"):
        ask(pipe.forecast(waves(2, 40), HORIZON))


def test_paths_are_an_error_and_quantiles_are_tensors(pipe, tiny):
    with raises("predict draws sample paths, and this model predicts quantiles .* call predict_quantiles"):
        pipe.predict(waves(30), HORIZON)
    for any_pipe in (pipe, TotoPipeline(tiny.float())):
        quantiles, means = any_pipe.predict_quantiles([waves(30), waves(2, 41)], HORIZON, [0.1, 0.5], seed=0)
        assert [q.shape for q in quantiles] == [(HORIZON, 2), (2, HORIZON, 2)]
        assert [m.shape for m in means] == [(HORIZON,), (2, HORIZON)]
    data = waves(5000)
    data[4980:4990] = np.nan
    (quantiles,), (mean,) = pipe.predict_quantiles(data, HORIZON, [0.1, 0.5])
    expected = pipe.forecast(data, HORIZON)
    torch.testing.assert_close(quantiles.T, expected.quantile([0.1, 0.5]))
    torch.testing.assert_close(mean, expected.mean)
    with raises(r"quantile_levels must be from 0.1 to 0.9, .* call forecast: with tails \"exponential\""):
        pipe.predict_quantiles(data, HORIZON, [0.025])


def test_what_is_for_the_first_generation_alone_names_what_takes_the_second(pipe):
    with raises(
        "model must be a Toto or its backbone, got Toto2Model: .* a Toto2Model is for Toto2Forecaster"
    ):
        TotoForecaster(pipe.model)
    with raises("model must be a Toto, its backbone .* for a Toto2Model call Toto2Forecaster"):
        estimate_memory(pipe.model, context_length=8, prediction_length=8)


def covariates(steps, seed=0):
    times = pd.date_range("2024-01-01", periods=steps, freq="h")
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"time": times, "price": rng.normal(size=steps).cumsum(), "load": rng.normal(size=steps)}
    )


def test_known_covariates_are_read_by_name_a_patch_early(pipe):
    frame = covariates(60 + HORIZON)
    past, future = frame[:60], frame[60:][["time", "load"]]
    found = pipe.forecast(past, HORIZON, columns="price", future=future, multivariate=True)
    assert found.labels == ["price"]
    size = pipe.model.config.patch_size
    load = frame["load"].to_numpy()
    early = np.concatenate([load[size:], np.repeat(load[-1], size)])
    expected = pipe.model.forecast(
        {
            "target": torch.tensor(past["price"].to_numpy())[None, None],
            "known_dynamic": torch.tensor(early)[None, None],
        },
        HORIZON,
        scaler_fallback_min_obs=8,
        quantile_real_cap_k=1e4,
    )
    torch.testing.assert_close(found.quantile(LEVELS), expected[:, 0])
    changed = future.assign(load=future["load"].to_numpy() + 5)
    other = pipe.forecast(past, HORIZON, columns="price", future=changed, multivariate=True)
    assert not torch.allclose(other.median[:, :size], found.median[:, :size], rtol=1e-3)


def test_past_covariates_help_and_are_not_forecast(pipe):
    frame = covariates(60)
    found = pipe.forecast(frame, HORIZON, columns="price", past_covariates=["load"])
    assert found.labels == ["price"]
    both = pipe.forecast(frame, HORIZON, columns=["price", "load"], multivariate=True)
    torch.testing.assert_close(found.quantile(LEVELS)[:, 0], both.quantile(LEVELS)[:, 0])
    alone = pipe.forecast(frame, HORIZON, columns="price")
    assert not torch.allclose(found.median, alone.median, rtol=1e-3)


def test_covariates_of_arrays_give_the_forecast_of_the_frame_of_the_same_numbers(pipe):
    frame = covariates(60).assign(wind=waves(60, seed=5))
    future = covariates(60 + HORIZON).iloc[60:][["time", "load"]]
    named = pipe.forecast(frame, HORIZON, columns="price", past_covariates="wind", future=future)
    found = pipe.forecast(
        frame["price"].to_numpy(),
        HORIZON,
        past_covariates=frame["wind"].to_numpy(),
        future=[*frame["load"], *future["load"]],
    )
    np.testing.assert_array_equal(found.quantile(LEVELS), named.quantile(LEVELS)[:, 0])


def test_progress_counts_patches_of_the_horizon(pipe):
    seen = []
    pipe.forecast(ragged(), HORIZON, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12)
    assert seen == sorted(seen)
