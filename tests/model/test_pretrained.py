"""What models of both generations do alike: where they came from, weights that do not fit, the hub."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from toto import InputError, Toto, Toto2Model
from toto.model import checkpoint


@pytest.fixture(params=["tiny", "tiny2"])
def model(request):
    return request.getfixturevalue(request.param)


def test_a_model_remembers_where_it_came_from(model, tmp_path):
    assert model.source is None
    model.save_pretrained(tmp_path)
    for path in (tmp_path, tmp_path / "model.safetensors"):
        assert type(model).from_pretrained(path).source == str(path)
    assert type(model).load_from_checkpoint(tmp_path).source == str(tmp_path)


def test_weights_that_do_not_fit_stay_random_if_asked(model, tmp_path, caplog):
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    gone = next(name for name in weights if name.endswith("bias"))
    del weights[gone]
    save_file(weights | {"surprise": torch.zeros(2)}, tmp_path / "model.safetensors")
    loaded = type(model).from_pretrained(tmp_path, strict=False)
    assert f"weights not used: surprise; weights left random: {gone}" in caplog.text
    for name, weight in loaded.state_dict().items():
        assert name == gone or torch.equal(weight, model.state_dict()[name])


def test_what_goes_to_the_hub_is_what_save_pretrained_writes(model, tmp_path, monkeypatch):
    seen = {}

    def upload(folder, repo_id, commit_message, **options):
        seen.update(options, files=sorted(f.name for f in folder.iterdir()), to=repo_id)
        return "url"

    monkeypatch.setattr(checkpoint, "upload", upload)
    assert model.push_to_hub("owner/name", private=True) == "url"
    expected = {"files": ["config.json", "model.safetensors"], "to": "owner/name"}
    assert seen == expected | {"private": True, "token": None}


def test_the_backbone_holds_the_transformer(model):
    assert model.backbone.transformer in list(model.modules())
    assert model.device == torch.device("cpu")


def test_of_the_second_generation_no_model_is_bundled():
    assert Toto.from_pretrained().source == "toto-nano"
    with pytest.raises(InputError, match="must name a checkpoint of a Toto2Model, got None: none is bundled"):
        Toto2Model.from_pretrained()
