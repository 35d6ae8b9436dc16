import json
import shutil

import numpy as np
import pytest
import torch

from toto import CheckpointError, Toto, TotoForecaster


class Foreign:
    """An object that a checkpoint must not hold."""


@pytest.fixture
def state(tiny):
    """What Lightning saves of a module whose `model` is a backbone, among other things."""
    tiny.float().model.enable_variate_labels()
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": tiny.state_dict(),
        "hyper_parameters": {"lr": 1e-4, "betas": (0.9, 0.999), "val_prediction_len": 96},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5), "best_k_models": {}}},
        "lr_schedulers": [{"last_epoch": 7, "base_lrs": [1e-4]}],
    }


def same(model: Toto, other: Toto) -> bool:
    weights = other.state_dict()
    return all(torch.equal(w, weights[name]) for name, w in model.state_dict().items())


def test_a_file_that_carries_its_configuration_loads_by_its_path(tiny, state, tmp_path):
    torch.save(state | {"toto_config": tiny.config.to_dict()}, tmp_path / "best.ckpt")
    loaded = Toto.from_pretrained(tmp_path / "best.ckpt")
    assert same(loaded, tiny)
    loaded.save_pretrained(tmp_path / "plain")
    again = Toto.from_pretrained(tmp_path / "plain")
    assert same(again, tiny)
    forecasts = [TotoForecaster(m).forecast([np.arange(64.0)], 8)[0] for m in (tiny, again)]
    assert torch.equal(forecasts[0].mean, forecasts[1].mean)


def test_a_file_of_toto_ts_takes_the_configuration_beside_it(tiny, state, tmp_path):
    torch.save(state, tmp_path / "best.ckpt")
    with pytest.raises(CheckpointError, match=r"holds weights without the configuration .* config.json"):
        Toto.from_pretrained(tmp_path / "best.ckpt")
    (tmp_path / "config.json").write_text(json.dumps(tiny.config.to_dict()), encoding="utf-8")
    assert same(Toto.from_pretrained(tmp_path / "best.ckpt"), tiny)


def test_the_model_does_not_change_with_the_file(tiny, state, tmp_path):
    path = tmp_path / "best.ckpt"
    torch.save(state | {"toto_config": tiny.config.to_dict()}, path)
    loaded = Toto.from_pretrained(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"\xff" * size)
    assert same(loaded, tiny)


@pytest.mark.parametrize("content", [b"", b"no zip file at all", None, "half"], ids=str)
def test_what_holds_other_things_than_tensors_and_plain_values_is_not_read(state, tmp_path, content):
    path = tmp_path / "best.ckpt"
    torch.save(state | {"object": Foreign()}, path)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "half":
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"best.ckpt is not read: .* can run code \(.+\)"):
        Toto.from_pretrained(path)


@pytest.mark.parametrize("state_dict", [None, {"encoder.weight": torch.ones(2)}], ids=["none", "foreign"])
def test_a_file_without_weights_of_a_toto_is_refused(tiny, tmp_path, state_dict):
    torch.save({"state_dict": state_dict, "toto_config": tiny.config.to_dict()}, tmp_path / "best.ckpt")
    with pytest.raises(CheckpointError, match="holds no weights of a fine-tuned Toto"):
        Toto.from_pretrained(tmp_path / "best.ckpt")


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(CheckpointError, match="must hold a checkpoint of Lightning, got list"):
        Toto.from_pretrained(tmp_path / "list.ckpt")


def test_a_folder_may_be_called_like_a_file(tiny, tmp_path):
    tiny.float().save_pretrained(tmp_path / "model.ckpt")
    assert same(Toto.from_pretrained(tmp_path / "model.ckpt"), tiny)
    shutil.rmtree(tmp_path / "model.ckpt")
