import csv
import json
import pickle
import sys

import numpy as np
import pytest
import torch

from toto import CheckpointError, InputError, MissingExtraError, Toto, TotoPipeline

pd = pytest.importorskip("pandas")
pytest.importorskip("lightning")
pytestmark = pytest.mark.usefixtures("as_users_call")

HORIZON = 6
FIT = {  # as `fitted` was
    "known": ["heat", "sky"],
    "past": ["wind"],
    "calendar": ["hour"],
    "columns": "load",
    "batch_size": 4,
    "context": 32,
}


def median(pipe, *args, **options):
    return pipe.forecast(*args, num_samples=4, seed=0, **options).median.numpy()


@pytest.fixture
def settings():
    """Small ones, for the columns of `hourly`."""
    return {"columns": "load", "max_steps": 20, "batch_size": 4, "context": 32, "learning_rate": 3e-3}


def test_fitting_with_covariates_beats_the_untouched_model_and_uses_them_by_name(
    fitted_folder, fitted, hourly, future
):
    rows = list(csv.DictReader((fitted_folder / "training" / "curve.csv").read_text().splitlines()))
    scores = [float(row["score"]) for row in rows]
    assert rows[0]["step"] == "0"
    assert min(scores[1:]) < 0.8 * scores[0]
    assert (fitted_folder / "training" / "curve.png").stat().st_size > 1000
    assert median(fitted, hourly[:380], HORIZON, future=future).shape == (1, HORIZON)


def test_a_known_future_value_changes_the_forecast_and_one_beyond_the_horizon_does_not(
    fitted, hourly, future
):
    history = hourly[:380]
    before = median(fitted, history, HORIZON, future=future)
    future.loc[386:, "heat"] += 100.0
    np.testing.assert_array_equal(median(fitted, history, HORIZON, future=future), before)
    future.loc[383, "heat"] += 3.0
    assert np.abs(median(fitted, history, HORIZON, future=future) - before).max() > 1e-3


def test_the_order_of_columns_changes_nothing(fitted, hourly, future):
    columns = ["wind", "sky", "load", "time", "heat"]
    expected = median(fitted, hourly[:380], HORIZON, future=future)
    found = median(fitted, hourly[:380][columns], HORIZON, future=future[["sky", "time", "heat"]])
    np.testing.assert_array_equal(found, expected)


def test_a_shorter_horizon_than_that_of_training_can_be_forecast(fitted, hourly, future):
    assert median(fitted, hourly[:380], 2, future=future[:2]).shape == (1, 2)


def test_a_run_that_was_killed_goes_on_with_the_same_curve(pipe, hourly, settings, tmp_path):
    import lightning

    class Kill(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == 12:
                raise SystemError("killed")

    hourly, settings["max_steps"] = hourly[:150], 13  # validated at steps 10 and 13
    whole = pipe.fit(hourly, HORIZON, **settings).fit_result
    with pytest.raises(SystemError):
        pipe.fit(hourly, HORIZON, **settings, out=tmp_path, trainer={"callbacks": [Kill()]})
    resumed = pipe.fit(hourly, HORIZON, **settings, out=tmp_path).fit_result
    for mine, others in zip(resumed.curve, whole.curve, strict=True):
        assert {**mine, "seconds": 0} == {**others, "seconds": 0}


def test_a_run_that_has_ended_is_not_trained_further(pipe, hourly, settings, tmp_path):
    settings |= {"learning_rate": 1e-9, "max_steps": 100, "patience": 1}
    first, second = (pipe.fit(hourly[:150], HORIZON, **settings, out=tmp_path).fit_result for _ in range(2))
    assert first.reason.startswith("no better score for some validations")
    assert (second.num_steps, second.curve) == (first.num_steps, first.curve)


def test_a_folder_with_another_run_is_an_error(pipe, hourly, fitted_folder, settings):
    differing = r"learning_rate \(0.02 there, 0.003 here\), .*the columns or covariates, the data: go on with"
    with pytest.raises(InputError, match=f"out: .* holds a run that differs in {differing}"):
        pipe.fit(hourly, HORIZON, **settings, out=fitted_folder)


def test_adapters_are_a_small_file_beside_a_pointer_to_their_base(
    pipe, base, hourly, future, settings, tmp_path
):
    settings |= {"known": ["heat"], "learning_rate": 3e-2, "max_steps": 10}
    fitted = pipe.fit(hourly[:380], HORIZON, **settings, mode="lora", out=tmp_path)
    assert fitted.fit_result.improved
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)
    assert not (tmp_path / "model.safetensors").exists()
    assert fitted.model.source is None  # what is trained further has to be saved first
    again = TotoPipeline.from_pretrained(tmp_path)
    found = [median(one, hourly[:380], HORIZON, future=future) for one in (fitted, again)]
    np.testing.assert_allclose(*found, rtol=1e-6)
    again.save_pretrained(tmp_path / "copy")
    assert Toto.from_pretrained(tmp_path / "copy").adapter.base == str(base)


def test_the_head_alone_can_be_trained(pipe, hourly, settings):
    settings |= {"learning_rate": 3e-2}
    fitted = pipe.fit(hourly, HORIZON, **settings, mode="head")
    assert fitted.fit_result.improved
    changed = {
        name
        for name, weight in fitted.model.named_parameters()
        if not torch.equal(weight, dict(pipe.model.named_parameters())[name])
    }
    assert changed
    assert all("unembed" in name or "output_distribution" in name for name in changed)


def test_a_fitted_pipeline_can_be_pickled(fitted, hourly, future):
    again = pickle.loads(pickle.dumps(fitted))
    found = [median(one, hourly[:380], HORIZON, future=future) for one in (fitted, again)]
    np.testing.assert_array_equal(*found)


def test_a_longer_horizon_than_a_patch_and_ragged_arrays_with_gaps_can_be_fitted(pipe):
    rng = np.random.default_rng(1)
    series = [np.sin(np.arange(n) / 4) + 0.1 * rng.normal(size=n) for n in (150, 300, 40)]
    series[1][100:120] = np.nan
    fitted = pipe.fit(series, 12, max_steps=10, batch_size=4, context=32, learning_rate=2e-2)
    assert fitted.fit_result.improved
    assert fitted.forecast(series, 30, num_samples=2).median.shape == (3, 30)


def test_pure_noise_gives_back_the_untouched_model_and_leaves_the_given_one_as_it_is(pipe):
    noise = np.random.default_rng(0).normal(size=300)
    before = {name: weight.clone() for name, weight in pipe.model.state_dict().items()}
    state = torch.get_rng_state()
    fitted = pipe.fit(noise, 8, max_steps=10, batch_size=4, context=32, learning_rate=1e-6)
    assert not fitted.fit_result.improved
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], weight) for name, weight in pipe.model.state_dict().items())
    assert pipe.record is None
    assert not pipe.model.training
    np.testing.assert_allclose(median(fitted, noise, 8), median(pipe, noise, 8), rtol=1e-5)


def test_too_short_a_series_comes_back_untouched_with_the_reason(pipe, caplog):
    fitted = pipe.fit(np.arange(12.0), 8)
    assert "not enough history: the longest series has 12 steps" in caplog.text
    assert "not enough history" in fitted.fit_result.reason
    np.testing.assert_allclose(
        median(fitted, np.arange(12.0), 8), median(pipe, np.arange(12.0), 8), rtol=1e-5
    )


@pytest.mark.parametrize(("missing", "where"), [(slice(0, 345), "before"), (slice(330, 400), "in")])
def test_targets_without_a_value_are_told_as_such(pipe, hourly, missing, where):
    hourly = hourly.copy()
    hourly.iloc[missing, hourly.columns.get_loc("load")] = np.nan
    reason = pipe.fit(hourly, HORIZON, columns="load").fit_result.reason
    assert reason.startswith(f"the targets have no value {where} the validation part, the last steps")


def test_an_untouched_model_takes_the_covariates_and_does_not_read_them(pipe, hourly, future):
    short = hourly[366:380]
    fitted = pipe.fit(short, HORIZON, columns="load", known="heat")
    assert not fitted.record.uses_covariates
    found = median(fitted, short, HORIZON, future=future)
    np.testing.assert_allclose(found, median(pipe, short, HORIZON, columns="load"), rtol=1e-5)


def test_time_is_a_limit_and_progress_is_told(pipe, hourly, settings):
    told = []
    settings |= {"max_steps": 100_000}
    result = pipe.fit(
        hourly, HORIZON, **settings, time_limit=0.5, progress=lambda *done: told.append(done)
    ).fit_result
    assert result.num_steps < 100_000
    assert result.reason.startswith("the time is up")
    assert told[0] == (1, 100_000)


def test_static_covariates_and_groups_are_read(pipe):
    frame = pd.concat(
        pd.DataFrame(
            {"unique_id": name, "ds": np.arange(60), "y": size * np.sin(np.arange(60)), "size": size}
        )
        for name, size in (("a", 1.0), ("b", 5.0))
    )
    settings = {"static": "size", "max_steps": 10, "batch_size": 4, "context": 32}
    fitted = pipe.fit(frame, 4, **settings, group="size")
    assert fitted.record.static_scales == ((3.0, 2.0),)
    assert fitted.forecast(frame, 4, num_samples=2).median.shape == (2, 4)
    together = pipe.fit(frame, 4, **settings, multivariate=True)
    assert together.forecast(frame, 4, num_samples=2).median.shape == (2, 4)


def test_covariates_that_do_not_fit_are_errors(pipe, hourly):
    def raises(message):
        return pytest.raises(InputError, match=message)

    with raises("known: data frame has no column 'rain'; there are time, load"):
        pipe.fit(hourly, HORIZON, columns="load", known="rain")
    with raises("past: 'load' is a target"):
        pipe.fit(hourly, HORIZON, columns="load", past=["load"])
    with raises("known: 'heat' is a covariate twice"):
        pipe.fit(hourly, HORIZON, columns="load", known=["heat"], past=["heat"])
    with raises("past: column 'empty' holds no value to train on: leave it out"):
        pipe.fit(hourly.assign(empty=np.nan), HORIZON, columns="load", past="empty")
    late = hourly["heat"].where(hourly.index > 350)  # in the validation part alone
    with raises("known: column 'late' holds no value to train on: leave it out"):
        pipe.fit(hourly.assign(late=late), HORIZON, columns="load", known="late")
    with raises("data must be a data frame: the model has covariates by name"):
        pipe.fit(np.zeros(100), HORIZON, known="heat")
    with raises("past_covariates are for forecasts"):
        pipe.fit(hourly, HORIZON, past_covariates=["heat"])
    with raises("calendar: 'hour' is there twice; name it once"):
        pipe.fit(hourly, HORIZON, columns="load", calendar=["hour", "hour"])
    with raises("calendar must hold names among minute, hour"):
        pipe.fit(hourly, HORIZON, columns="load", known="heat", calendar=["week"])


def test_settings_that_describe_no_run_are_errors(pipe, hourly):
    for settings, message in (
        ({"mode": "half"}, "mode must be one of full, lora, head, got 'half'"),
        ({"time_limit": 0}, "time_limit must be above 0, got 0"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0, got -1.0"),
        ({"val_fraction": 1.0}, "val_fraction must lie between 0 and 1, got 1.0"),
        ({"test_fraction": -0.1}, "test_fraction must be at least 0, and leave steps .* got -0.1"),
        ({"test_fraction": 0.85}, "beside val_fraction 0.15, got 0.85"),
        ({"max_steps": 0}, "max_steps must be a whole number of at least 1, got 0"),
        ({"seed": -1}, "seed must be a whole number"),
    ):
        with pytest.raises(InputError, match=message):
            pipe.fit(hourly, HORIZON, columns="load", **settings)


def test_without_lightning_or_peft_the_extra_is_named(pipe, hourly, settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"peft: pip install 'toto-forecast\[finetune\]'"):
        pipe.fit(hourly, HORIZON, **settings, mode="lora")
    for name in ("lightning", "toto.finetuning.fit", "toto.finetuning.trainer"):
        monkeypatch.setitem(sys.modules, name, None)
    del sys.modules["toto.finetuning.fit"], sys.modules["toto.finetuning.trainer"]
    with pytest.raises(MissingExtraError, match=r"lightning: pip install 'toto-forecast\[finetune\]'"):
        pipe.fit(hourly, HORIZON, **settings)


def test_adapters_need_a_model_with_a_name_before_data_are_read(hourly, make_tiny):
    with pytest.raises(InputError, match='mode "lora" needs a model that was loaded by from_pretrained'):
        TotoPipeline(make_tiny()).fit(hourly, HORIZON, columns="no such column", mode="lora")


@pytest.mark.parametrize("end", [380, 14])  # trained in vain, and too short to train on
def test_adapters_that_are_no_better_leave_a_pointer_to_the_base(pipe, base, hourly, settings, tmp_path, end):
    settings |= {"max_steps": 2, "learning_rate": 1e-9}
    fitted = pipe.fit(hourly[:end], HORIZON, **settings, mode="lora", out=tmp_path)
    assert not fitted.fit_result.improved
    assert (tmp_path / "adapter_model.safetensors").stat().st_size < 100
    assert not (tmp_path / "model.safetensors").exists()
    again = TotoPipeline.from_pretrained(tmp_path)
    assert again.record == fitted.record
    assert all(torch.equal(w, again.model.state_dict()[name]) for name, w in pipe.model.state_dict().items())


def test_adapters_whose_base_has_changed_are_an_error(pipe, base, hourly, settings, tmp_path):
    pipe.save_pretrained(tmp_path / "base")
    mine = TotoPipeline.from_pretrained(tmp_path / "base")
    settings |= {"known": ["heat"], "learning_rate": 3e-2, "max_steps": 10}
    assert mine.fit(hourly, HORIZON, **settings, mode="lora", out=tmp_path / "lora").fit_result.improved
    TotoPipeline.from_pretrained(tmp_path / "lora", torch_dtype="bfloat16")
    with torch.no_grad():
        mine.model.model.unembed.bias += 0.1
    mine.save_pretrained(tmp_path / "base")
    with pytest.raises(CheckpointError, match="base holds other weights now than those the adapter was"):
        TotoPipeline.from_pretrained(tmp_path / "lora")


def test_a_gap_in_a_known_covariate_of_the_validation_part_is_bridged(pipe, hourly, settings):
    holes = hourly.drop(hourly.index[-40:-25])
    result = pipe.fit(holes, HORIZON, known=["heat"], **settings | {"max_steps": 10}).fit_result
    assert np.isfinite(result.zero_shot)
    assert np.isfinite(result.score)


def test_a_series_that_begins_in_the_validation_part_does_not_stop_the_others(pipe, settings):
    old = np.random.default_rng(0).normal(size=400)
    frame = pd.DataFrame({"ds": pd.date_range("2026-01-01", periods=400, freq="h"), "y": old})
    long = pd.concat([frame.assign(unique_id="a"), frame[-30:].assign(unique_id="b")])
    fitted = pipe.fit(long, HORIZON, **settings | {"columns": None, "max_steps": 10})
    assert np.isfinite(fitted.fit_result.score)


def test_an_adapter_does_not_replace_its_base(pipe, hourly, settings, tmp_path):
    pipe.save_pretrained(tmp_path / "base")
    base = TotoPipeline.from_pretrained(tmp_path / "base")
    with pytest.raises(InputError, match=r"base is the folder of the base, to which the adapter points"):
        base.fit(hourly, HORIZON, mode="lora", out=tmp_path / "base", **settings)
    assert (tmp_path / "base" / "model.safetensors").is_file()


def test_a_run_without_time_for_a_validation_comes_back_untouched(pipe, hourly, settings):
    result = pipe.fit(hourly, HORIZON, time_limit=1e-9, **settings).fit_result
    assert not result.improved
    assert result.reason == "the time is up, before the first validation; the untouched model is kept"


def test_an_untouched_model_reads_what_it_read_in_its_own_fine_tuning(fitted, hourly, future):
    second = fitted.fit(hourly[:380], HORIZON, time_limit=1e-9, **FIT | {"context": 64})
    assert not second.fit_result.improved
    assert second.record == fitted.record
    found = [median(one, hourly[:380], HORIZON, future=future) for one in (fitted, second)]
    np.testing.assert_array_equal(*found)


def test_a_model_that_was_fitted_before_keeps_the_scales_of_its_static_covariates(pipe):
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": range(40), "y": np.arange(40) % 7, "size": size})
        for name, size in (("a", 1.0), ("b", 5.0))
    )
    settings = {"static": "size", "context": 16, "batch_size": 4}
    first = pipe.fit(frame, 4, **settings, max_steps=1)
    second = first.fit(frame.assign(size=frame["size"] * 9), 4, **settings, time_limit=1e-9)
    assert second.record.static_scales == first.record.static_scales == ((3.0, 2.0),)


def test_a_covariate_without_values_is_named_beside_calendar_features(pipe, hourly, settings):
    with pytest.raises(InputError, match="known: column 'heat' holds no value to train on: leave it out"):
        pipe.fit(hourly.assign(heat=np.nan), HORIZON, known=["heat"], calendar=["hour"], **settings)


def test_a_series_that_is_flat_before_the_validation_does_not_decide_alone(pipe, settings):
    load = 10 + np.sin(np.arange(400) / 4)
    late = np.where(np.arange(400) < 350, 0, 1000 * load)
    result = pipe.fit([load, late], HORIZON, **settings | {"columns": None, "max_steps": 10}).fit_result
    assert result.zero_shot < 20
