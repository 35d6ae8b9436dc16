import math
import shutil

import numpy as np
import pytest
import torch

from toto import InputError
from toto.finetuning.generations import generation_of
from toto.finetuning.settings import FitSettings

pd = pytest.importorskip("pandas")
lightning = pytest.importorskip("lightning")
_steps_between_validations = pytest.importorskip("toto.finetuning.trainer")._steps_between_validations

HORIZON = 6


@pytest.fixture
def settings():
    """Small ones, for the columns of `hourly`; a validation every ten steps."""
    return {"columns": "load", "max_steps": 20, "batch_size": 2, "context": 16, "learning_rate": 3e-3}


@pytest.fixture
def hourly(hourly):
    """Its first days, which are soon validated."""
    return hourly[:150]


class Once(lightning.Callback):
    """Does something after one step."""

    def __init__(self, step, act):
        self.step, self.act = step, act

    def on_train_batch_end(self, trainer, module, *_):
        if trainer.global_step == self.step:
            self.act(module)


def kill(_):
    raise SystemError("killed")


def steps(result):
    return [row["step"] for row in result.curve]


def test_the_weights_of_the_last_step_are_validated_too(pipe, hourly, settings):
    result = pipe.fit(hourly, HORIZON, **settings | {"max_steps": 13}).fit_result
    assert steps(result) == [0, 10, 13]
    assert result.curve[-1]["learning_rate"] < 0.2 * settings["learning_rate"]
    assert result.reason.startswith("all steps done")


def test_a_run_that_ends_by_time_validates_its_last_weights(pipe, hourly, settings):
    result = pipe.fit(hourly, HORIZON, time_limit=0.2, **settings | {"max_steps": 100_000}).fit_result
    assert result.reason.startswith("the time is up")
    assert steps(result)[-1] == result.num_steps


def test_where_time_is_the_limit_a_run_warms_up_however_many_steps_are_allowed(pipe, hourly, settings):
    class Rates(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    seen, settings["max_steps"] = [], 10**6
    pipe.fit(hourly, HORIZON, time_limit=0.5, **settings, trainer={"callbacks": Rates()})
    assert max(seen) > 0.3 * settings["learning_rate"]


def test_where_time_is_the_limit_there_are_validations_before_its_end(tiny):
    plans = [FitSettings(6, max_steps=10**6, time_limit=limit) for limit in (None, 60)]
    without, within = (
        _steps_between_validations(plan.plan(generation_of(tiny), 1, 9, False)) for plan in plans
    )
    assert (without, within) == (50_000, 30)


def test_a_folder_that_was_moved_goes_on_and_keeps_its_best_weights(pipe, hourly, settings, tmp_path):
    def spoil(module):
        with torch.no_grad():
            for weight in module.parameters():
                weight.mul_(1.5)

    ends, settings["max_steps"] = [Once(12, spoil), Once(14, kill)], 22
    with pytest.raises(SystemError):
        pipe.fit(hourly, HORIZON, **settings, out=tmp_path / "a", trainer={"callbacks": ends})
    shutil.move(tmp_path / "a", tmp_path / "b")
    result = pipe.fit(
        hourly, HORIZON, **settings, out=tmp_path / "b", trainer={"callbacks": ends[0]}
    ).fit_result
    assert result.step == 10  # before the weights were spoilt
    assert result.score == pytest.approx(result.curve[1]["score"])
    assert steps(result) == [0, 10, 20, 22]
    assert not (tmp_path / "a").exists()


def test_a_folder_whose_best_weights_are_gone_is_an_error(pipe, hourly, settings, tmp_path):
    settings["max_steps"] = 1
    pipe.fit(hourly, HORIZON, **settings, out=tmp_path)
    (tmp_path / "training" / "best.ckpt").unlink()
    with pytest.raises(InputError, match=r"training holds last.ckpt without best.ckpt, .* put it back"):
        pipe.fit(hourly, HORIZON, **settings, out=tmp_path)


def test_a_folder_whose_settings_are_damaged_is_an_error(pipe, hourly, settings, tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "fit.json").write_text("{")
    with pytest.raises(InputError, match=r"fit.json cannot be read .*: remove the folder .*training to"):
        pipe.fit(hourly, HORIZON, **settings, out=tmp_path)


@pytest.mark.parametrize("max_steps", [5, 25])
def test_a_run_that_diverges_says_so_and_keeps_what_was_better(pipe, hourly, settings, tmp_path, max_steps):
    def spoil(module):
        next(module.parameters()).data.fill_(math.nan)

    at = 3 if max_steps == 5 else 13
    settings |= {"max_steps": max_steps, "learning_rate": 1e-2}
    trainer = {"callbacks": Once(at, spoil)}
    fitted = pipe.fit(hourly, HORIZON, **settings, out=tmp_path, trainer=trainer)
    result = fitted.fit_result
    assert f"it diverged, loss not finite at step {at + 1}: a lower learning_rate may help" in result.reason
    assert result.num_steps == at + 1
    assert result.improved == (max_steps == 25)
    assert np.isfinite(fitted.forecast(hourly, HORIZON, seed=0, num_samples=2).median.numpy()).all()
    if max_steps == 25:
        assert result.step == 10
        assert (tmp_path / "training" / "curve.csv").read_text().count("\n") == 3


def test_weights_that_are_no_numbers_are_not_scored(pipe, hourly, settings):
    def spoil(module):
        next(module.parameters()).data.fill_(math.inf)

    trainer = {"callbacks": [Once(20, spoil)]}
    result = pipe.fit(hourly, HORIZON, **settings, trainer=trainer).fit_result
    assert "it diverged, weights not finite at step 20" in result.reason
    assert steps(result) == [0, 10]


def test_a_callback_that_ends_a_run_is_told_as_such(pipe, hourly, settings):
    def stop(module):
        module.trainer.should_stop = True

    result = pipe.fit(hourly, HORIZON, **settings, trainer={"callbacks": Once(4, stop)}).fit_result
    assert result.reason.startswith("it was stopped by a callback")
    assert steps(result) == [0, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_steps": 5}, "trainer: max_steps is decided by fit: give max_steps to fit"),
        ({"max_epochs": 5}, "there are no epochs: give max_steps to fit"),
        ({"max_time": "00:01:00"}, "trainer: max_time is decided by fit: give time_limit to fit, in seconds"),
        ({"val_check_interval": 5}, "there are 20 validations in max_steps; patience of fit"),
        ({"accumulate_grad_batches": 2}, "give batch_size to fit"),
        ({"enable_checkpointing": False}, "the best weights come from checkpoints; without out"),
        ({"step": 1}, "trainer: 'step' is no argument of lightning.Trainer; it has .*accelerator"),
    ],
)
def test_options_of_the_trainer_that_fit_decides_are_errors_before_anything_runs(
    pipe, hourly, settings, options, message
):
    with pytest.raises(InputError, match=message):
        pipe.fit(hourly, HORIZON, **settings, trainer=options, progress=lambda *_: pytest.fail("it ran"))


def test_a_callback_alone_and_none_are_callbacks(pipe, hourly, settings):
    seen = []
    settings |= {"max_steps": 2}
    pipe.fit(hourly, HORIZON, **settings, trainer={"callbacks": Once(1, seen.append)})
    pipe.fit(hourly, HORIZON, **settings, trainer={"callbacks": None, "enable_model_summary": False})
    assert len(seen) == 1
