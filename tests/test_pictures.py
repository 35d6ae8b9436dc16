"""The scripts that draw the pictures of the documentation."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.usefixtures("as_users_call")

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def pictures_can_be_drawn():
    pytest.importorskip("matplotlib").use("Agg")
    pytest.importorskip("pandas")


def test_the_pictures_of_the_model_are_those_of_the_page(script, checkpoint, tmp_path, monkeypatch):
    draw_model, scene = script("draw_model"), script("model_scene")
    monkeypatch.setattr(scene, "STEPS", 60)
    monkeypatch.setattr(scene, "GAP", slice(30, 36))
    draw_model.main(["--model", checkpoint, "--out", str(tmp_path)])
    drawn = {path.name for path in tmp_path.glob("*.png")}
    shown = {path.name for path in (ROOT / "docs" / "images").glob("model_*.png")}
    assert drawn == shown
    page = (ROOT / "docs" / "how_it_works.md").read_text(encoding="utf-8")
    assert all(name in page for name in drawn)


def test_recorded_attention_weights_are_those_that_are_drawn_as_allowed(script, tiny):
    model_scene = script("model_scene")
    scene = model_scene.Scene.of(tiny)
    with torch.no_grad(), model_scene.recorded_attention() as weights:
        tiny(scene.context.series, scene.context.observed, scene.context.group_ids)
    assert len(weights) == tiny.config.num_layers
    for index, of_layer in enumerate(weights):
        torch.testing.assert_close(of_layer.sum(-1), torch.ones_like(of_layer[..., 0]))
        if not tiny.config.is_space_layer(index):
            assert bool((of_layer.triu(1) == 0).all())


def test_the_forecast_of_a_table_is_drawn_beside_what_happened(script, tiny, tmp_path):
    pandas = import_module("pandas")
    stamps = pandas.date_range("2018-01-01", periods=100, freq="15min", name="date")
    table = pandas.DataFrame({"HUFL": np.arange(100.0), "OT": np.sin(np.arange(100))}, stamps)
    draw_ettm1 = script("draw_ettm1")
    draw_ettm1.draw(draw_ettm1.TotoForecaster(tiny), table, 12, 4, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000
