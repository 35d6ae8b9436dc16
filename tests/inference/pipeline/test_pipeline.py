"""What a pipeline takes and gives, and that series keep apart."""

from functools import partial

import numpy as np
import pytest
import torch

import toto
from toto import InputError, TotoForecaster, TotoPipeline
from toto.data.regular_series import RegularSeries
from toto.inference.pipeline import batches as module
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.pipeline.inputs import number_of

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

HORIZON = 20
CLOSE = {"rtol": 1e-4, "atol": 1e-4}  # products of other sizes are rounded otherwise
KINDS = {
    "pandas": (pd.DataFrame, lambda frame: frame),
    "polars": (pl.DataFrame, pl.from_pandas),
    "pyarrow": (pa.Table, pa.Table.from_pandas),
}


@pytest.fixture
def tiny(make_tiny):
    """A tiny random model in float32, whose quantiles are quick."""
    return make_tiny().float()


@pytest.fixture
def pipe(tiny):
    return TotoPipeline(tiny)


def waves(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return 5 + np.sin(np.arange(shape[-1]) / 3) + 0.3 * rng.normal(size=shape)


def ragged(lengths=(30, 55, 23, 40), gaps=True):
    """Series below each other, with gaps; on grids of their own."""
    frames = []
    for place, length in enumerate(lengths):
        freq = ("h", "D", "15min", "MS")[place % 4]
        times = pd.date_range("2024-01-01", periods=length, freq=freq)
        frame = pd.DataFrame({"unique_id": f"s{place}", "ds": times, "y": waves(length, seed=place)})
        frames.append(frame.drop(index=[7, 8]) if gaps else frame)
    return pd.concat(frames, ignore_index=True)


def test_three_lines_from_ragged_series_with_gaps_to_quantiles():
    df = ragged()
    pipe = toto.TotoPipeline.from_pretrained()
    fc = pipe.forecast(df, horizon=24, seed=0)
    quantiles = fc.to_frame()
    assert list(quantiles.columns)[:5] == ["unique_id", "ds", "mean", "median", "0.1"]
    assert len(quantiles) == 4 * 24
    assert (quantiles["0.1"] < quantiles["0.9"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_kind_of_frame_comes_back_with_the_same_numbers(pipe, kind):
    type_of, make = KINDS[kind]
    df = ragged()
    result = pipe.forecast(make(df), HORIZON, num_samples=4, seed=0).to_frame()
    assert isinstance(result, type_of)
    frame = result if kind == "pandas" else result.to_pandas()
    expected = pipe.forecast(df, HORIZON, num_samples=4, seed=0).to_frame()
    for column in expected:
        assert frame[column].tolist() == expected[column].tolist()


def test_a_series_of_a_frame_does_not_depend_on_the_others(pipe):
    df = ragged()
    everything = pipe.forecast(df, HORIZON, num_samples=4, seed=0)
    for place, name in enumerate(everything.ids):
        alone = pipe.forecast(df[df["unique_id"] == name], HORIZON, num_samples=4, seed=0)
        torch.testing.assert_close(alone.samples[0], everything.samples[place], **CLOSE)
        torch.testing.assert_close(alone.median[0], everything.median[place], **CLOSE)


def test_the_size_of_batches_changes_nothing(pipe, monkeypatch):
    df = ragged((40, 40, 40, 24, 40), gaps=False)
    whole = pipe.forecast(df, HORIZON, num_samples=4, seed=0)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1)
    parts = pipe.forecast(df, HORIZON, num_samples=4, seed=0)
    torch.testing.assert_close(parts.samples, whole.samples, **CLOSE)
    torch.testing.assert_close(parts.quantile(0.3), whole.quantile(0.3), **CLOSE)


def test_the_forecast_is_that_of_the_forecaster(pipe, tiny):
    data = waves(45)
    data[5:8] = np.nan
    ours = pipe.forecast(data, HORIZON, num_samples=8, seed=3, missing="model")
    options = {"seed": 3, "variance_reduction": True, "keep_distribution": True}
    (theirs,) = TotoForecaster(tiny).forecast([data], HORIZON, 8, **options)
    torch.testing.assert_close(ours.samples, theirs.samples[0, 0], **CLOSE)
    torch.testing.assert_close(ours.mean, theirs.mean[0, 0], **CLOSE)
    torch.testing.assert_close(ours.quantile([0.1, 0.7]), theirs.quantile([0.1, 0.7])[:, 0, 0], **CLOSE)


@pytest.mark.parametrize("shape", [(30,), (2, 30), (3, 2, 30)])
@pytest.mark.parametrize("make", [np.asarray, torch.as_tensor])
def test_results_have_the_axes_of_an_array(pipe, shape, make):
    fc = pipe.forecast(make(waves(*shape)), 10, num_samples=4, seed=0)
    assert fc.mean.shape == (*shape[:-1], 10)
    assert fc.samples.shape == (*shape[:-1], 10, 4)
    assert fc.quantile([0.1, 0.9]).shape == (2, *shape[:-1], 10)
    assert fc.timestamps.shape == (*shape[:-1], 10)
    assert len(fc) == len(fc.labels) == np.prod(shape[:-1])
    assert len(fc.to_frame()) == 10 * len(fc)


def test_a_list_may_be_ragged(pipe):
    fc = pipe.forecast([waves(30), waves(2, 50).astype(np.float32), [1, 2, 3, 4]], 10, num_samples=4)
    assert fc.mean.shape == (4, 10)
    assert fc.labels == ["series 0", "series 1, variate 0", "series 1, variate 1", "series 2"]
    assert pipe.forecast([1.0, 2, 3, 4], 10, num_samples=4).mean.shape == (10,)


def test_variates_see_each_other_only_if_told(pipe):
    data, other = waves(2, 40), waves(2, 40)
    other[1] *= 3
    apart = [pipe.forecast(some, 10, num_samples=4, seed=0).mean[0] for some in (data, other)]
    torch.testing.assert_close(*apart, **CLOSE)
    together = [
        pipe.forecast(some, 10, num_samples=4, seed=0, multivariate=True).mean for some in (data, other)
    ]
    assert not torch.allclose(together[0][0], together[1][0])
    theirs = pipe.forecaster.forecast([data], 10, 4, seed=0, keep_distribution=True, variance_reduction=True)
    torch.testing.assert_close(together[0], theirs[0].mean[0], **CLOSE)


def test_series_of_a_group_see_each_other_and_others_do_not(pipe):
    df = ragged((30, 30, 30), gaps=False).assign(ds=list(range(30)) * 3, host=["x"] * 60 + ["y"] * 30)
    changed = df.copy()
    changed.loc[30:59, "y"] *= 2
    options = {"group": "host", "num_samples": 4, "seed": 0}
    before, after = (pipe.forecast(some, 10, **options).mean for some in (df, changed))
    assert not torch.allclose(before[0], after[0])
    torch.testing.assert_close(before[2], after[2], **CLOSE)
    everything = [
        pipe.forecast(some, 10, multivariate=True, num_samples=4, seed=0).mean for some in (df, changed)
    ]
    assert not torch.allclose(everything[0][2], everything[1][2])


def test_the_id_column_groups_the_targets_of_each_series(pipe):
    df = ragged((30, 30), gaps=False).assign(z=np.arange(60.0))
    options = {"columns": ["y", "z"], "num_samples": 4, "seed": 0}
    grouped = pipe.forecast(df, 10, group="unique_id", **options)
    assert grouped.labels == ["s0, y", "s0, z", "s1, y", "s1, z"]
    changed = df.assign(z=-(df["z"] ** 2))
    assert not torch.allclose(
        grouped.mean[0], pipe.forecast(changed, 10, group="unique_id", **options).mean[0]
    )
    apart = [pipe.forecast(some, 10, **options).mean[0] for some in (df, changed)]
    torch.testing.assert_close(*apart, **CLOSE)


def with_covariate(num_steps=48, horizon=10):
    times = pd.date_range("2024-01-01", periods=num_steps + horizon, freq="h")
    frame = pd.DataFrame({"ds": times, "y": waves(len(times)), "x": waves(len(times), seed=1)})
    return frame.iloc[:num_steps], frame.iloc[num_steps:].drop(columns="y")


def test_known_covariates_are_read_a_patch_before_the_steps_that_they_explain(pipe):
    history, future = with_covariate()
    ours = pipe.forecast(history, 10, future=future, num_samples=4, seed=0)
    assert ours.labels == ["y"]
    x = np.concatenate([history["x"], future["x"], np.full(8, future["x"].iloc[-1])])
    context = toto.MaskedTimeseries.from_array([history["y"], x[8:56]], num_exogenous_variables=1)
    theirs = pipe.forecaster.forecast(
        context,
        10,
        4,
        future_exogenous_variables=x[None, None, 56:66],
        seed=0,
        series_ids=[number_of("y")],
        keep_distribution=True,
        variance_reduction=True,
    )
    torch.testing.assert_close(ours.samples[0], theirs.samples[0, 0], **CLOSE)
    torch.testing.assert_close(ours.median[0], theirs.median[0, 0], **CLOSE)


def test_covariates_beyond_the_horizon_are_used_and_short_series_work(pipe):
    history, future = with_covariate(horizon=10)
    short, same = (
        pipe.forecast(history, 6, future=some, num_samples=4, seed=0).mean
        for some in (future.iloc[:6], future)
    )
    assert not torch.allclose(short, same)  # the last patch of the context reads 8 steps ahead
    for num_steps in (2, 8, 11):
        history, future = with_covariate(num_steps, 3)
        assert bool(pipe.forecast(history, 3, future=future, num_samples=4).mean.isfinite().all())


def test_past_covariates_help_and_are_not_forecast(pipe):
    history, _ = with_covariate()
    fc = pipe.forecast(history, 10, past_covariates=["x"], num_samples=4, seed=0)
    assert fc.labels == ["y"]
    changed = history.assign(x=-(history["x"] ** 2))
    assert not torch.allclose(
        fc.mean, pipe.forecast(changed, 10, past_covariates=["x"], num_samples=4, seed=0).mean
    )


def test_covariates_of_arrays_give_the_forecast_of_the_frame_of_the_same_numbers(pipe):
    horizon = 7  # within a patch, where nothing is drawn
    history, future = with_covariate(horizon=horizon)
    history = history.assign(z=waves(48, seed=3), w=waves(48, seed=4)).astype({"y": float, "x": float})
    history.loc[5, ["z", "x"]] = np.nan
    known = np.concatenate([history["x"], future["x"]])
    options = {"num_samples": 4, "seed": 0, "multivariate": True}
    expected = pipe.forecast(
        history, horizon, columns=["y", "w"], past_covariates=["z"], future=future, **options
    )
    targets, past = history[["y", "w"]].to_numpy().T, history["z"].to_numpy()
    one = pipe.forecast(targets, horizon, past_covariates=past, future=torch.tensor(known), **options)
    np.testing.assert_array_equal(one.mean, expected.mean)
    np.testing.assert_array_equal(one.quantile(0.9), expected.quantile(0.9))
    batch, short = np.stack([targets, 2 * targets]), targets[:, 9:]
    many = pipe.forecast(
        batch, horizon, past_covariates=np.stack([past[None]] * 2), future=[known, None], **options
    )
    np.testing.assert_array_equal(many.mean[0], expected.mean)
    ragged = pipe.forecast(
        [short, targets], horizon, past_covariates=(past[9:], past), future=[known[9:], known], **options
    )
    np.testing.assert_array_equal(ragged.mean[2:], expected.mean)
    exact = pipe.predict_distribution(
        targets, horizon, past_covariates=past, future=known, seed=0, multivariate=True
    )
    torch.testing.assert_close(exact.mean, expected.mean, **CLOSE)


def test_an_array_is_no_covariate_of_a_frame_nor_a_name_one_of_an_array(pipe):
    history, future = with_covariate()
    with raises("past_covariates must be a name or a list of names, got array"):
        pipe.forecast(history, 10, past_covariates=waves(48))
    with raises("future: not a data frame of pandas, polars or pyarrow in memory but ndarray"):
        pipe.forecast(history, 10, future=waves(48))
    with raises("names of columns, .* need a data frame, got ndarray: covariates of arrays are arrays too"):
        pipe.forecast(waves(48), 10, past_covariates=["x"])
    with raises("future: values must be .* got a data frame, which has time along its rows"):
        pipe.forecast(waves(48), 10, future=future)


def test_a_model_fine_tuned_without_covariates_takes_none_as_arrays(tiny):
    tiny.config = tiny.model.config = FitRecord(horizon=3, context=16).into(tiny.config)
    fitted = TotoPipeline(tiny)
    assert fitted.forecast(waves(48), 3, num_samples=2).median.shape == (3,)
    for covariates in ({"past_covariates": waves(48)}, {"future": waves(51)}):
        with raises(
            "past_covariates and future: the model was fine-tuned without covariates: leave them out"
        ):
            fitted.forecast(waves(48), 3, **covariates)


def test_gaps_are_interpolated_for_models_that_read_them_as_0(make_tiny):
    data = waves(40) + 1000
    data[33:36] = np.nan
    data[:3] = np.nan
    filled = data.copy()
    filled[33:36] = np.interp([33, 34, 35], [32, 36], data[[32, 36]])
    for kind, policy in (("zero", "interpolate"), ("loc", "model")):
        pipe = TotoPipeline(make_tiny(missing_values=kind).float())
        forecasts = {
            m: pipe.forecast(data, 10, num_samples=4, seed=0, missing=m).mean for m in ("auto", policy)
        }
        torch.testing.assert_close(forecasts["auto"], forecasts[policy], **CLOSE)
        expected = pipe.forecast(
            filled if kind == "zero" else data, 10, num_samples=4, seed=0, missing="model"
        )
        torch.testing.assert_close(forecasts["auto"], expected.mean, **CLOSE)


def test_only_the_last_steps_are_seen(pipe):
    data = waves(60)
    changed = data.copy()
    changed[:20] = 0
    short = [pipe.forecast(some, 10, context=40, num_samples=4, seed=0).mean for some in (data, changed)]
    torch.testing.assert_close(*short, **CLOSE)


def test_infinite_values_are_missing(pipe):
    data, missing = waves(30), waves(30)
    data[4], missing[4] = np.inf, np.nan
    forecasts = [pipe.forecast(some, 5, num_samples=4, seed=0).mean for some in (data, missing)]
    torch.testing.assert_close(*forecasts, **CLOSE)


def test_the_global_state_seeds_a_forecast_without_a_seed(pipe):
    def run():
        torch.manual_seed(5)
        return pipe.forecast([waves(20), waves(50)], 20, num_samples=4).samples

    assert torch.equal(run(), run())


def test_progress_counts_the_paths_of_all_series(pipe):
    calls = []
    data = [waves(20), waves(50), waves(50)]
    pipe.forecast(data, 20, num_samples=4, progress=lambda *call: calls.append(call))
    assert calls[-1] == (36, 36)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_series_without_a_value_are_named(pipe, caplog):
    pipe.forecast(pd.DataFrame({"ds": [1, 2, 3], "a": [1, 2, 3], "b": [None] * 3}), 2, num_samples=2)
    assert "b: no value in the context; what has none is forecast as if it were 0" in caplog.text


def test_series_in_units_that_the_model_reads_as_flat_are_named(pipe, caplog):
    frame = pd.DataFrame({"ds": range(30), "wide": waves(30), "narrow": waves(30) / 100, "level": 3.0})
    pipe.forecast(frame, 2, num_samples=2)
    assert caplog.text.count("varies by less than 0.1") == 1
    assert "narrow: varies by less than 0.1, its standard deviation; models of Toto 1.0" in caplog.text
    caplog.clear()
    pipe.forecast(frame[["wide"]] * 1e300, 2, num_samples=2)
    assert "varies by less" not in caplog.text
    for judge in (pipe.score, partial(pipe.detect, clean=1.0)):
        caplog.clear()
        judge(pd.concat([frame] * 3, ignore_index=True).assign(ds=range(90)))
        assert caplog.text.count("narrow: varies by less than 0.1") == 1


def test_an_array_with_time_first_is_noted_but_not_one_step_of_a_stream(pipe, caplog):
    pipe.forecast(waves(2, 30).T, 2, num_samples=2)
    assert "data: 30 variates of 2 steps; if time comes first, pass data.T" in caplog.text
    caplog.clear()
    pipe.stream(waves(2, 30)).append(waves(2, 1))
    assert "data.T" not in caplog.text


@pytest.mark.parametrize(
    ("context", "shapes"),
    [
        (waves(30), [(5, 12)]),
        (torch.as_tensor(waves(3, 30)), [(5, 12)] * 3),
        (waves(2, 3, 30), [(5, 3, 12)] * 2),
        ([waves(30), waves(2, 20)], [(5, 12), (5, 2, 12)]),
        ([1.0, 2.0, 3.0], [(5, 12)]),
    ],
)
def test_predict_gives_paths_for_each_context(pipe, context, shapes):
    paths = pipe.predict(context=context, prediction_length=12, num_samples=5, samples_per_batch=2)
    assert [one.numpy().shape for one in paths] == shapes


def test_predict_is_the_forecast(pipe, tiny):
    data = waves(3, 30)
    paths = pipe.predict(data, 12, 5, seed=1)
    expected = TotoForecaster(tiny).forecast(list(data), 12, 5, seed=1)
    for one, forecast in zip(paths, expected, strict=True):
        torch.testing.assert_close(one, forecast.samples[0, 0].T, **CLOSE)


def test_predict_sees_as_many_steps_as_a_forecast_and_fills_gaps_alike(pipe):
    data = 100 + waves(5000)
    data[4950:4990] = np.nan
    expected = pipe.forecast(data, 3, seed=0)
    (quantiles,), (mean,) = pipe.predict_quantiles(data, 3, [0.1, 0.5], seed=0)
    torch.testing.assert_close(quantiles.T, expected.quantile([0.1, 0.5]), **CLOSE)
    torch.testing.assert_close(mean, expected.mean, **CLOSE)
    (paths,) = pipe.predict(data, 3, 5, seed=0)
    (of_the_end,) = pipe.predict(data[-4096:], 3, 5, seed=0)
    torch.testing.assert_close(paths, of_the_end, **CLOSE)


@pytest.mark.parametrize("context", [[], np.empty((0, 20))])
def test_predict_needs_a_context(pipe, context):
    with raises("context must hold at least one series, got none"):
        pipe.predict(context, 3)


@pytest.mark.parametrize(
    "context",
    [
        None,
        np.float64(3.0),
        {"a": [1.0]},
        iter([1.0]),
        "abc",
        np.zeros((1, 1, 1, 9)),
        pd.DataFrame({"a": [1.0, 2.0]}),
        [pd.DataFrame({"a": [1.0, 2.0]})],
        [[[1.0, 2.0], [3.0]]],
        toto.MaskedTimeseries.from_array([1.0, 2.0]),
    ],
)
def test_predict_says_what_it_takes_and_what_takes_the_rest(pipe, context):
    for predict in (pipe.predict, pipe.predict_quantiles):
        with raises(r"context must be one series \[time\], several .*: for data frames and all else call"):
            predict(context, 3)


def test_a_pipeline_is_loaded_with_its_settings(tiny, tmp_path, monkeypatch):
    tiny.save_pretrained(tmp_path)
    compiled = []
    monkeypatch.setattr(toto.Toto, "compile", lambda self, **options: compiled.append(options))
    pipe = TotoPipeline.from_pretrained(
        tmp_path, device_map={"": "cpu"}, torch_dtype="float64", torch_compile=True, compile_mode="default"
    )
    assert pipe.model.device.type == "cpu"
    assert next(pipe.model.parameters()).dtype is torch.float64
    assert compiled == [{"mode": "default"}]
    TotoPipeline.from_pretrained(tmp_path, device_map="cpu")
    assert len(compiled) == 1


def raises(message):
    return pytest.raises(InputError, match=message)


def test_devices_that_are_not_there_are_errors(tmp_path):
    with raises("device_map must name one device for the whole model, got {'a': 'cpu', 'b': 'meta'}"):
        TotoPipeline.from_pretrained(tmp_path, device_map={"a": "cpu", "b": "meta"})
    with raises('device_map must be a device such as "cpu" or "cuda", got \'toaster\''):
        TotoPipeline.from_pretrained(tmp_path, device_map="toaster")
    with raises("device_map: cuda:99 is not available here"):
        TotoPipeline.from_pretrained(tmp_path, device_map="cuda:99")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "horizon must be a whole number of at least 1, got 0"),
        ({"num_samples": 0}, "num_samples must be a whole number"),
        ({"context": 0}, "context must be a whole number"),
        ({"seed": -1}, r"seed must be a whole number from 0 to 2\^63 - 1, got -1"),
        ({"quantile_levels": [0.5, 2.0]}, r"quantile_levels must be levels from 0 to 1, got \[0.5, 2.0\]"),
        ({"missing": "drop"}, "missing must be one of auto, model, interpolate, got 'drop'"),
        ({"columns": "y"}, "names of columns, group, aggregate and day_first need a data frame, got nd"),
        ({"data": waves(2, 2, 2, 9)}, "values must be .time., .variates, time."),
        ({"data": [waves(9), waves(2, 2, 9)]}, r"data, series 1: must be \[time\] or \[variates, time\]"),
        ({"data": [waves(9), np.array(["a"])]}, "data, series 1: values must be an array of numbers"),
        ({"data": toto.MaskedTimeseries.from_array(waves(9))}, "got a MaskedTimeseries: use TotoForecaster"),
        ({"data": []}, "values must be"),
        ({"data": None}, "data must be a data frame, an array or a list of series, got 'None': read a file"),
        ({"data": {"y": [1, 2]}}, "data must be a data frame, .* make a frame of named columns with pandas"),
        ({"data": "sales.csv"}, "data must be a data frame, .* got 'sales.csv': read a file with pandas"),
        ({"data": np.array(["a"])}, "data: values must be an array of numbers"),
        ({"columns": []}, "columns must name at least one column, got none: leave it out"),
    ],
)
def test_what_breaks_a_rule_is_an_error_that_names_it(pipe, options, message):
    with raises(message):
        pipe.forecast(**{"data": waves(20), "horizon": 4, "num_samples": 2} | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 5}, "columns must be a name or a list of names, got 5"),
        ({"columns": ["y", 3]}, r"columns must be a name or a list of names, got \['y', 3\]"),
        ({"day_first": "no"}, "day_first must be True or False, got 'no'"),
        ({"past_covariates": "y"}, "past_covariates are for forecasts: let the columns see each other"),
        ({"past_covariates": waves(20)}, "past_covariates are for forecasts: let the columns see each other"),
    ],
)
def test_what_breaks_a_rule_of_columns_is_an_error_that_names_it(pipe, options, message):
    with raises(message):
        pipe.score(waves(20), **options)


def test_names_of_columns_may_be_one_or_any_kind_of_list(pipe):
    frame = pd.DataFrame({"ds": range(30), "y": waves(30), "z": waves(30), "wind": waves(30)})
    options = {"horizon": 2, "num_samples": 2, "seed": 0}
    expected = pipe.forecast(frame, columns=["y", "z"], past_covariates=["wind"], **options)
    for names in (np.array(["y", "z"]), pd.Index(["y", "z"]), ("y", "z")):
        found = pipe.forecast(frame, columns=names, past_covariates="wind", **options)
        np.testing.assert_array_equal(found.mean, expected.mean)


def test_none_in_a_list_is_missing(pipe):
    found, expected = (
        pipe.forecast([1.0, nothing, 3.0, 2.0], 2, num_samples=2, seed=0) for nothing in (None, np.nan)
    )
    np.testing.assert_array_equal(found.mean, expected.mean)


def test_an_unknown_argument_is_named_with_the_method_and_what_it_takes(pipe):
    with pytest.raises(
        TypeError, match=r"^detect\(\) got .* 'coverage'; it takes data, false_alarms, .*columns"
    ):
        pipe.detect(waves(30), coverage=0.9)
    with pytest.raises(
        TypeError, match=r"^stream\(\) got .* 'max_context'; it takes history, context, .*group"
    ):
        pipe.stream(waves(30), max_context=9)
    with pytest.raises(
        TypeError, match=r"^predict_distribution\(\) got an unexpected keyword argument 'levels'"
    ):
        pipe.predict_distribution(waves(30), 2, levels=[0.5])


def test_regular_series_come_with_the_result(pipe):
    fc = pipe.forecast(ragged(), 4, num_samples=2)
    assert all(isinstance(one, RegularSeries) for one in fc.series)
    assert [one.values.shape[1] for one in fc.series] == [30, 55, 23, 40]
    assert str(fc.timestamps[3, 0]) == "2027-05-01T00:00:00.000000"
