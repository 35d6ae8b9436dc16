"""Fine-tuning of the second generation; what it shares with the first is tested in test_fit.py."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from toto import TotoPipeline
from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

pd = pytest.importorskip("pandas")
pytest.importorskip("lightning")
pytestmark = pytest.mark.usefixtures("as_users_call")

HORIZON = 12
FIT = {
    "columns": "load",
    "known": ["heat", "sky"],
    "past": "wind",
    "context": 32,
    "max_steps": 40,
    "batch_size": 8,
    "learning_rate": 2e-2,
}


@pytest.fixture(scope="module")
def base2(tmp_path_factory):
    """The folder of a tiny random model that forecasts far too high: a few steps make it better."""
    folder = tmp_path_factory.mktemp("base2")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        config = Toto2Config(8, 32, 4, 2, 2, 1, variate_layer_first=False, residual_attn_ratio=5.0)
        model = Toto2Model(config)
        head = model.output_head.get_submodule("param_projection.proj")
        head.skip_proj.bias.add_(45.0)
        for readout in (head.linear2, head.skip_proj):
            readout.weight.mul_(8.0)
        model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def fitted2_folder(base2, hourly, tmp_path_factory):
    """The folder of that model, fitted with covariates."""
    folder = tmp_path_factory.mktemp("fitted2")
    fitted = TotoPipeline.from_pretrained(base2).fit(hourly[:360], HORIZON, **FIT, out=folder)
    assert fitted.fit_result.improved
    return folder


def median(pipe, history, future=None):
    return pipe.forecast(history, HORIZON, future=future).median.numpy()


def test_the_loss_falls_and_known_values_of_the_horizon_alone_change_the_forecast(fitted2_folder, hourly):
    fitted = TotoPipeline.from_pretrained(fitted2_folder)
    assert isinstance(fitted.model, Toto2Model)
    curve = (fitted2_folder / "training" / "curve.csv").read_text().splitlines()
    assert float(curve[-1].split(",")[2]) < float(curve[1].split(",")[2])
    history, future = hourly[:360], hourly[360:].copy()
    before = median(fitted, history, future)
    future.loc[360 + HORIZON :, "heat"] += 100.0
    np.testing.assert_array_equal(median(fitted, history, future), before)
    future.loc[363, "heat"] += 3.0
    assert np.abs(median(fitted, history, future) - before).max() > 1e-3
    changed = history.assign(wind=history["wind"] + np.arange(360) % 7)
    assert np.abs(median(fitted, changed, hourly[360:]) - before).max() > 1e-3


def test_a_forecast_in_a_new_process_is_the_same(fitted2_folder, hourly, tmp_path):
    hourly.to_csv(tmp_path / "hourly.csv", index=False)
    code = (
        "import pandas as pd, toto; frame = pd.read_csv('hourly.csv', parse_dates=['time']); "
        f"pipe = toto.TotoPipeline.from_pretrained({str(fitted2_folder)!r}); "
        f"print(pipe.forecast(frame[:360], {HORIZON}, future=frame[360:]).median.tolist())"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    here = median(TotoPipeline.from_pretrained(fitted2_folder), hourly[:360], hourly[360:])
    np.testing.assert_allclose(json.loads(run.stdout), here, rtol=1e-6)


@pytest.mark.parametrize("mode", ["lora", "head"])
def test_adapters_and_the_head_alone_can_be_trained(base2, hourly, tmp_path, mode):
    pipe = TotoPipeline.from_pretrained(base2)
    fitted = pipe.fit(hourly[:360], HORIZON, **FIT, mode=mode, out=tmp_path)
    assert fitted.fit_result.improved
    assert (tmp_path / "adapter_config.json").is_file() == (mode == "lora")
    again = TotoPipeline.from_pretrained(tmp_path)
    found = [median(one, hourly[:360], hourly[360:]) for one in (fitted, again)]
    np.testing.assert_array_equal(*found)
    if mode == "head":
        before = pipe.model.state_dict()
        changed = {n for n, w in again.model.state_dict().items() if not torch.equal(w, before[n])}
        assert changed
        assert all(name.startswith("output_head") for name in changed)


def test_noise_gives_back_the_untouched_model(base2):
    noise = np.random.default_rng(0).normal(size=300)
    pipe = TotoPipeline.from_pretrained(base2)
    slow = {"max_steps": 10, "batch_size": 4, "context": 300, "learning_rate": 1e-9}
    fitted = pipe.fit(noise, HORIZON, **slow)
    assert not fitted.fit_result.improved
    for name, weight in pipe.model.state_dict().items():
        assert torch.equal(fitted.model.state_dict()[name], weight)
    np.testing.assert_array_equal(median(fitted, noise), median(pipe, noise))


def test_static_covariates_of_groups_are_read(base2):
    rng = np.random.default_rng(0)
    names = np.repeat(["a", "b", "c", "d"], 120)
    frame = pd.DataFrame(
        {
            "unique_id": names,
            "ds": list(pd.date_range("2024-01-01", periods=120, freq="h")) * 4,
            "y": rng.normal(size=480),
            "size": np.repeat([1.0, 2.0, 3.0, 40.0], 120),
        }
    )
    options = {"static": "size", "max_steps": 10, "batch_size": 4, "context": 32, "val_fraction": 0.3}
    fitted = TotoPipeline.from_pretrained(base2).fit(frame, HORIZON, **options)
    assert fitted.fit_result.improved
    before = median(fitted, frame)
    changed = frame.assign(size=np.where(names == "a", 40.0, frame["size"]))
    moved = np.abs(median(fitted, changed) - before).max(axis=1)
    assert moved[0] > 1e-4
    assert moved[1:].max() == 0
