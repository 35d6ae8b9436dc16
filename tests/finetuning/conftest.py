"""A tiny model in a folder, an hourly frame with covariates, and one model fitted to it."""

import numpy as np
import pytest
import torch

from toto import Toto, TotoConfig, TotoPipeline

pd = pytest.importorskip("pandas")

HORIZON = 6
TINY = TotoConfig(
    patch_size=8,
    stride=8,
    embed_dim=32,
    num_layers=2,
    num_heads=4,
    mlp_hidden_dim=48,
    dropout=0.1,
    spacewise_every_n_layers=2,
    scaler_cls="CausalPatchStdMeanScaler",
    output_distribution_classes=("MixtureOfStudentTsOutput",),
    spacewise_first=False,
    output_distribution_kwargs={"k_components": 2},
    missing_values="loc",
)
FIT = {
    "known": ["heat", "sky"],
    "past": ["wind"],
    "calendar": ["hour"],
    "columns": "load",
    "max_steps": 20,
    "batch_size": 4,
    "context": 32,
    "learning_rate": 2e-2,
}


@pytest.fixture(scope="session")
def hourly():
    """400 hours: `load` follows `heat` and the words of `sky`; `wind` is noise; some cells are empty."""
    rng = np.random.default_rng(0)
    heat = np.repeat(rng.normal(size=100), 4)
    clear = rng.random(400) > 0.5
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=400, freq="h"),
            "load": 100 + 10 * heat + 5 * clear + rng.normal(size=400) * 0.1,
            "heat": heat,
            "sky": np.where(clear, "clear", "cloudy"),
            "wind": rng.normal(size=400),
        }
    )
    frame.loc[[50, 51, 130, 390], "load"] = np.nan
    return frame


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """The folder of a tiny random model that forecasts far too high: a few steps make it better."""
    folder = tmp_path_factory.mktemp("base")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        toto = Toto.from_config(TINY)
        toto.model.output_distribution.loc_proj.bias += 2.0
        toto.save_pretrained(folder)
    return folder


@pytest.fixture
def pipe(base):
    """A pipeline with the tiny model."""
    return TotoPipeline.from_pretrained(base)


@pytest.fixture(scope="session")
def fitted_folder(base, hourly, tmp_path_factory):
    """The folder of a model that was fitted to `hourly` with all kinds of covariates."""
    folder = tmp_path_factory.mktemp("fitted")
    fitted = TotoPipeline.from_pretrained(base).fit(hourly[:380], HORIZON, **FIT, out=folder)
    assert fitted.fit_result.improved
    return folder


@pytest.fixture
def fitted(fitted_folder):
    """That model."""
    return TotoPipeline.from_pretrained(fitted_folder)


@pytest.fixture
def future(hourly):
    """The known covariates of the hours after the first 380, with more columns and hours than are needed."""
    return hourly[380:].copy()
