from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from toto import Toto
from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.inference.pipeline.fit_record import FitRecord

pd = pytest.importorskip("pandas")
testing = pytest.importorskip("typer.testing")


@pytest.fixture(autouse=True)
def commands_run_as_users_run_them(as_users_call):
    """Types are mypy's business here, and shapes that of the tests of the rooms below."""


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """The checkpoint of a tiny random model."""
    torch.manual_seed(0)
    model = Toto(
        patch_size=8,
        stride=8,
        embed_dim=16,
        num_layers=2,
        num_heads=2,
        mlp_hidden_dim=32,
        dropout=0.0,
        spacewise_every_n_layers=2,
        scaler_cls="CausalPatchStdMeanScaler",
        output_distribution_classes=("MixtureOfStudentTsOutput",),
        output_distribution_kwargs={"k_components": 3},
    )
    folder = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def fitted_folder(model_folder, tmp_path) -> Path:
    """The checkpoint of a model that was trained to forecast cpu with load known, from 5000 steps."""
    model = Toto.from_pretrained(model_folder)
    model.model.enable_variate_labels()
    model.config = FitRecord(Layout(columns=["cpu"]), Covariates(known=("load",)), 5, 5000).into(model.config)
    model.save_pretrained(tmp_path / "fitted")
    return tmp_path / "fitted"


@pytest.fixture
def toto_command(model_folder, tmp_path, monkeypatch) -> Callable:
    """Runs `toto` in `tmp_path`; `forecast` with the tiny model and few samples, unless told otherwise."""
    from toto.cli.app import app

    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):  # they make a terminal of the runner's pipe
        monkeypatch.delenv(name, raising=False)

    def run(command: str, *arguments: object):
        words = [command, *map(str, arguments)]
        if command == "forecast":
            for option, value in (("--model", model_folder), ("--samples", 16), ("--horizon", 5)):
                words += [] if option in words else [option, str(value)]
        return testing.CliRunner().invoke(app, words)

    return run


@pytest.fixture
def wide_file(tmp_path) -> Path:
    """Two hours of two metrics, a minute apart."""
    steps = np.arange(120)
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=120, freq="min")})
    frame["cpu"] = 50 + 20 * np.sin(steps / 9)
    frame["load"] = 2 + np.cos(steps / 5)
    frame.to_csv(tmp_path / "wide.csv", index=False)
    return tmp_path / "wide.csv"


@pytest.fixture
def long_file(tmp_path) -> Path:
    """Three series below each other: of other lengths, and one with other steps."""
    frames = [
        pd.DataFrame({"unique_id": name, "ds": pd.date_range("2024-01-01", periods=count, freq=freq)})
        for name, count, freq in (("north", 40, "D"), ("south", 23, "D"), ("west", 30, "h"))
    ]
    frame = pd.concat(frames)
    frame["y"] = np.random.default_rng(0).normal(100, 10, len(frame))
    frame.to_csv(tmp_path / "long.csv", index=False)
    return tmp_path / "long.csv"
