import json
from dataclasses import replace

import pytest
import torch

from toto import CheckpointError, InputError, Toto
from toto.model import checkpoint
from toto.model.adapter import Adapter, holds_adapter, read_adapter
from toto.model.published_order import in_published_order


@pytest.fixture
def base(tiny, tmp_path):
    """The folder of a tiny model."""
    tiny.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def adapter(tiny, base):
    """An adapter of rank 2 on two maps of the model in that folder, and labels."""
    attention = tiny.model.transformer.layers[1].attention
    generator = torch.Generator().manual_seed(1)

    def rows(*shape):
        return torch.randn(*shape, generator=generator)

    sizes = {"wQKV": attention.wQKV.weight.shape, "wO": attention.wO.weight.shape}
    prefix = "model.transformer.layers.1.attention"
    down = {f"{prefix}.{name}": rows(2, size[1]) for name, size in sizes.items()}
    up = {f"{prefix}.{name}": rows(size[0], 2) for name, size in sizes.items()}
    labels = {f"model.{kind}_variate_label": rows(32) for kind in ("target", "exogenous")}
    return Adapter.in_published_order(tiny, str(base), 0.5, down, up, labels), down, up


def test_an_adapter_adds_to_the_weights_in_memory(tiny, adapter, tmp_path):
    made, down, up = adapter
    made.write(tmp_path / "adapted", tiny.config.to_dict())
    loaded = Toto.from_pretrained(tmp_path / "adapted")
    before = tiny.model.transformer.layers[1].attention
    after = loaded.model.transformer.layers[1].attention
    for name in ("wQKV", "wO"):
        key = f"model.transformer.layers.1.attention.{name}"
        expected = getattr(before, name).weight + 0.5 * (up[key] @ down[key]).double()
        torch.testing.assert_close(getattr(after, name).weight, expected, atol=1e-6, rtol=1e-6)
    assert torch.equal(loaded.model.target_variate_label, made.labels["model.target_variate_label"])
    assert loaded.adapter is not None


def test_a_model_with_an_adapter_is_saved_as_the_adapter(tiny, adapter, tmp_path):
    adapter[0].write(tmp_path / "adapted", tiny.config.to_dict())
    loaded = Toto.from_pretrained(tmp_path / "adapted")
    loaded.save_pretrained(tmp_path / "again")
    assert holds_adapter(tmp_path / "again")
    second = Toto.from_pretrained(tmp_path / "again")
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name])


def test_weights_in_a_folder_stand_over_an_adapter_that_lay_there_before(tiny, adapter, tmp_path):
    adapter[0].write(tmp_path, tiny.config.to_dict())
    tiny.save_pretrained(tmp_path)
    assert not holds_adapter(tmp_path)
    assert Toto.from_pretrained(tmp_path).adapter is None
    adapter[0].write(tmp_path, tiny.config.to_dict())
    assert holds_adapter(tmp_path)
    (tmp_path / checkpoint.INDEX_FILE).write_text("{}")  # of weights in shards
    assert not holds_adapter(tmp_path)


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_an_adapter_does_not_replace_its_own_base(tiny, adapter, base, name):
    made = replace(adapter[0], base=str(base / name))
    with pytest.raises(InputError, match="base is the folder of the base, to which the adapter points"):
        made.write(base, tiny.config.to_dict())
    assert Toto.from_pretrained(base).adapter is None
    made.write(base.parent, tiny.config.to_dict())
    assert holds_adapter(base.parent)


def test_who_may_read_one_file_of_an_adapter_may_read_all(tiny, adapter, tmp_path):
    adapter[0].write(tmp_path / "adapted", tiny.config.to_dict())
    files = list((tmp_path / "adapted").iterdir())
    assert len(files) == 3
    assert len({file.stat().st_mode for file in files}) == 1


def test_the_order_of_rows_is_that_of_published_weights(tiny):
    attention = tiny.model.transformer.layers[0].attention
    for name in ("wQKV", "wO"):
        rows, published = getattr(attention, name).weight, attention.state_dict()[f"{name}.weight"]
        assert torch.equal(
            in_published_order(tiny, f"model.transformer.layers.0.attention.{name}", rows), published
        )


def test_a_damaged_adapter_or_one_without_its_base_is_an_error(tiny, adapter, base, tmp_path):
    folder = tmp_path / "adapted"
    adapter[0].write(folder, tiny.config.to_dict())
    about = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(about | {"base_model_name_or_path": "nowhere"}))
    with pytest.raises(
        CheckpointError, match=r"holds an adapter, whose base does not serve: no checkpoint at"
    ):
        Toto.from_pretrained(folder)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"holds no readable adapter .KeyError"):
        read_adapter(folder)


def test_an_adapter_knows_the_weights_of_its_base(tiny, adapter, base, tmp_path):
    folder, weights = tmp_path / "adapted", tiny.state_dict()
    made = replace(adapter[0], base_fingerprint=Adapter.pointer("", weights).base_fingerprint)
    made.write(folder, tiny.config.to_dict())
    assert read_adapter(folder).base_fingerprint == made.base_fingerprint
    Toto.from_pretrained(folder)
    with torch.no_grad():
        tiny.model.unembed.weight[0] += 0.1
    tiny.save_pretrained(base)
    with pytest.raises(CheckpointError, match=r"does not serve: .*base holds other weights now than those"):
        Toto.from_pretrained(folder)
    adapter[0].write(folder, tiny.config.to_dict())  # as other tools write it
    Toto.from_pretrained(folder)


def test_a_pointer_is_the_base_itself(tiny, base, tmp_path):
    Adapter.pointer(str(base), tiny.state_dict()).write(tmp_path / "pointer", tiny.config.to_dict())
    again = Toto.from_pretrained(tmp_path / "pointer")
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in tiny.state_dict().items())
