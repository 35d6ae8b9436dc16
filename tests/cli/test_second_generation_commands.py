"""The commands with a model that predicts quantiles."""

import json

import numpy as np
import pytest
import torch

from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

pd = pytest.importorskip("pandas")
testing = pytest.importorskip("typer.testing")


@pytest.fixture(scope="module")
def folder2(tmp_path_factory):
    """The checkpoint of a tiny random model of the second generation."""
    torch.manual_seed(0)
    sizes = {"patch_size": 8, "d_model": 16, "num_heads": 2, "num_layers": 2, "layer_group_size": 2}
    more = {"num_variate_layers_per_group": 1, "variate_layer_first": False, "residual_attn_ratio": 5.0}
    folder = tmp_path_factory.mktemp("tiny2")
    Toto2Model(Toto2Config.from_dict(sizes | more)).save_pretrained(folder)
    return folder


def test_a_forecast_is_of_quantiles_and_says_so(toto_command, wide_file, folder2):
    result = toto_command("forecast", wide_file, "--model", folder2, "--out", "out.csv")
    assert result.exit_code == 0, result.output
    assert "context 120 steps, quantiles, " in result.stdout
    assert "samples" not in result.stdout
    frame = pd.read_csv("out.csv")
    assert (frame["0.1"] <= frame["0.5"]).all()


def test_levels_outside_need_a_model_of_the_tails(toto_command, wide_file, folder2):
    words = ["forecast", wide_file, "--model", folder2, "--quantiles", "0.025,0.5"]
    result = toto_command(*words)
    assert result.exit_code == 2
    assert "quantile_levels must be from 0.1 to 0.9" in result.output
    assert toto_command(*words, "--tails", "exponential").exit_code == 0
    assert "tails must be one of error, exponential" in toto_command(*words, "--tails", "heavy").output


def test_a_backtest_of_quantiles(toto_command, wide_file, folder2):
    result = toto_command("backtest", wide_file, "--model", folder2, "--horizon", 5, "--windows", 2)
    assert result.exit_code == 0, result.output
    assert "quantiles predicted, exponential tails" in result.stdout


def test_rows_are_watched(folder2, tmp_path):
    values = np.random.default_rng(0).normal(size=110)
    values[105] = 50
    (tmp_path / "past.csv").write_text("t,x\n" + "".join(f"{t},{values[t]}\n" for t in range(100)))
    rows = "t,x\n" + "".join(f"{t},{values[t]}\n" for t in range(100, 110))
    words = ["watch", "--model", str(folder2), "--history", str(tmp_path / "past.csv")]
    from toto.cli.app import app

    result = testing.CliRunner().invoke(app, [*words, "--false-alarms", "1/200 steps"], input=rows)
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["time"] for line in result.stdout.splitlines()] == ["105"]
