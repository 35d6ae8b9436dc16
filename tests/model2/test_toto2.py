"""Loading, saving and moving models."""

import copy
import io
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from toto import CheckpointError, InputError, Toto
from toto.model2.toto2 import Toto2Model

SERIES = {"target": torch.arange(80.0).sin().view(1, 2, 40).double()}


@pytest.fixture
def saved(tiny2, tmp_path):
    """A folder with a tiny checkpoint in float64."""
    tiny2.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def same(a: Toto2Model, b: Toto2Model) -> bool:
    left, right = dict(a.state_dict()), dict(b.state_dict())
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def into_shards(folder) -> None:
    """The weights of a checkpoint in two files with an index."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shards = {f"model-0000{i + 1}-of-00002.safetensors": list(weights)[i::2] for i in range(2)}
    for name, held in shards.items():
        save_file({key: weights[key] for key in held}, folder / name)
    weight_map = {key: name for name, held in shards.items() for key in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_save_then_load_changes_nothing(make_tiny2, tmp_path):
    for changes in ({}, {"num_groups": 2, "qk_dim": 12, "norm_include_weight": True, "qk_norm": True}):
        model = make_tiny2(**changes)
        model.save_pretrained(tmp_path)
        loaded = Toto2Model.from_pretrained(tmp_path)
        assert same(loaded, model)
        assert loaded.config == model.config
        assert not loaded.training
        torch.testing.assert_close(loaded.forecast(SERIES, 24, 8), model.forecast(SERIES, 24, 8))


def test_the_file_holds_the_published_names_and_layout(tiny2, saved):
    weights = load_file(saved / "model.safetensors")
    layer = tiny2.transformer.layers[1]
    fc1, in_proj = (weights[f"transformer.layers.1.{n}.weight"] for n in ("ffn.fc1", "attn.in_proj"))
    assert torch.equal(fc1[88:], layer.ffn.fc1.weight[:88])  # the gate is the second half of the file
    published_of_ours = [0, 2, 1, 3, 4, 5, 6, 7]  # pairs (0, 1) and (2, 3) of 8 features turn
    for head in range(8):  # of queries, then of keys
        rows = slice(8 * head, 8 * head + 8)
        assert torch.equal(layer.attn.in_proj.weight[rows], in_proj[rows][published_of_ours])
    assert torch.equal(layer.attn.in_proj.weight[64:], in_proj[64:])
    assert "output_head.param_projection.proj.skip_proj.bias" in weights
    assert weights["transformer.layers.0.attn_tau"].shape == ()


def test_shards_with_an_index_are_one_checkpoint(tiny2, saved):
    into_shards(saved)
    assert same(Toto2Model.from_pretrained(saved), tiny2)
    tiny2.save_pretrained(saved)  # over the shards: the index goes, or it would be read again
    assert not (saved / "model.safetensors.index.json").exists()
    assert same(Toto2Model.from_pretrained(saved), tiny2)


def test_shards_of_a_hub_id_in_the_local_cache_load_offline(tiny2, saved, tmp_path):
    """The cache layout of huggingface_hub, made by hand."""
    into_shards(saved)
    repo = tmp_path / "hub" / "models--owner--name"
    shutil.copytree(saved, repo / "snapshots" / "0123abc")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0123abc")
    loaded = Toto2Model.from_pretrained("owner/name", cache_dir=tmp_path / "hub", local_files_only=True)
    assert same(loaded, tiny2)


@pytest.mark.parametrize("weight_map", [{}, {"a": "../elsewhere.safetensors"}, {"a": "model.bin"}, ["a"]])
def test_an_index_that_names_no_files_beside_it_is_an_error(saved, weight_map):
    (saved / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(CheckpointError, match=r'must hold "weight_map", from weights to .safetensors files'):
        Toto2Model.from_pretrained(saved)


def test_a_shard_that_is_not_there_is_an_error(saved):
    into_shards(saved)
    (saved / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"holds no model-00002-of-00002\.safetensors"):
        Toto2Model.from_pretrained(saved)


def test_a_checkpoint_of_another_model_is_an_error(tiny, saved, tmp_path):
    tiny.save_pretrained(tmp_path / "first")
    with pytest.raises(CheckpointError, match=r"a model of generation 1: load it with Toto\.from_pretrained"):
        Toto2Model.from_pretrained(tmp_path / "first")
    with pytest.raises(CheckpointError, match=r"generation 2: load it with Toto2Model\.from_pretrained, or"):
        Toto.from_pretrained(saved)
    weights = load_file(saved / "model.safetensors")
    del weights["patch_proj.linear1.bias"]
    weights["transformer.layers.0.attn.in_proj.weight"] = torch.zeros(3, 3)
    save_file(weights, saved / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"1 weights missing: patch_proj.* 1 weights of another shape"):
        Toto2Model.from_pretrained(saved)


def test_copies_and_pickled_models_save_what_they_were_made_from(tiny2):
    buffer = io.BytesIO()
    torch.save(tiny2, buffer)
    buffer.seek(0)
    for other in (copy.deepcopy(tiny2), torch.load(buffer, weights_only=False)):
        assert same(other, tiny2)
        other.load_state_dict(tiny2.state_dict())
        torch.testing.assert_close(other.forecast(SERIES, 16), tiny2.forecast(SERIES, 16))


def test_bfloat16_is_for_the_maps_of_the_layers(tiny2, saved):
    expected = tiny2.forecast(SERIES, 16, 8)
    half = Toto2Model.from_pretrained(saved, torch_dtype="bfloat16")
    assert half.transformer.layers[0].ffn.fc1.weight.dtype is torch.bfloat16
    assert half.patch_proj.linear1.weight.dtype is torch.float32
    error = (half.forecast(SERIES, 16, 8) - expected).abs().max() / expected.abs().max()
    assert 0 < float(error) < 0.05
    whole = tiny2.to(torch.bfloat16)  # as users of any module do
    error = (whole.forecast(SERIES, 16, 8) - expected).abs().max() / expected.abs().max()
    assert 0 < float(error) < 0.1


def test_a_precision_that_is_none_is_an_error(tiny2):
    with pytest.raises(InputError, match="torch_dtype must be one of auto, float32, bfloat16, float64"):
        tiny2.set_precision("int8")
