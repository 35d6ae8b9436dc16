"""Adapters of the second generation: merged when read, and trained through PEFT."""

import pytest
import torch

from toto import Toto2Model
from toto.model.adapter import Adapter, holds_adapter
from toto.model.published_order import in_published_order

MAPS = ("attn.in_proj", "attn.out_proj", "ffn.fc1", "ffn.fc2")
SERIES = {"target": torch.arange(80.0).sin().view(1, 2, 40).double()}


@pytest.fixture
def base(tiny2, tmp_path):
    """The folder of a tiny model."""
    tiny2.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def differences(tiny2):
    """Of rank 2, for every linear map of layer 1, in the order of rows in memory."""
    generator = torch.Generator().manual_seed(1)
    down, up = {}, {}
    for name in MAPS:
        weight = tiny2.transformer.layers[1].get_submodule(name).weight
        down[f"transformer.layers.1.{name}"] = torch.randn(2, weight.shape[1], generator=generator)
        up[f"transformer.layers.1.{name}"] = torch.randn(weight.shape[0], 2, generator=generator)
    return down, up


def test_an_adapter_adds_to_the_weights_in_memory(tiny2, base, differences, tmp_path):
    down, up = differences
    made = Adapter.in_published_order(tiny2, str(base), 0.5, down, up, {})
    made.write(tmp_path / "adapted", tiny2.config.to_dict())
    loaded = Toto2Model.from_pretrained(tmp_path / "adapted")
    for name, rows in up.items():
        expected = tiny2.get_submodule(name).weight + 0.5 * (rows @ down[name]).double()
        torch.testing.assert_close(loaded.get_submodule(name).weight, expected, atol=1e-6, rtol=1e-6)
    loaded.save_pretrained(tmp_path / "again")
    assert holds_adapter(tmp_path / "again")
    second = Toto2Model.from_pretrained(tmp_path / "again")
    assert second.source == str(tmp_path / "again")
    assert torch.equal(second.forecast(SERIES, 16), loaded.forecast(SERIES, 16))
    assert not torch.equal(second.forecast(SERIES, 16), tiny2.forecast(SERIES, 16))


def test_the_order_of_rows_is_that_of_published_weights(tiny2):
    for name in MAPS:
        whole = f"transformer.layers.0.{name}"
        rows, published = tiny2.get_submodule(whole).weight, tiny2.state_dict()[f"{whole}.weight"]
        assert torch.equal(in_published_order(tiny2, whole, rows), published)


def outputs(model):
    series = SERIES["target"]
    mask = torch.ones_like(series, dtype=torch.bool)
    return model(series, mask, mask, torch.zeros(1, 2, dtype=torch.long)).quantiles


@pytest.mark.parametrize("changes", [{}, {"qk_norm": True, "norm_include_weight": True, "mlp_bias": True}])
def test_every_parameter_of_a_training_pass_gets_a_gradient(make_tiny2, changes):
    model = make_tiny2(**changes)
    outputs(model).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_maps_that_peft_wraps_compute_the_same_and_train(tiny2):
    peft = pytest.importorskip("peft")
    before, forecast = outputs(tiny2).detach(), tiny2.forecast(SERIES, 16, 8)
    config = peft.LoraConfig(r=2, target_modules=r".*\.(in_proj|out_proj|fc1|fc2)", init_lora_weights=True)
    tiny2.requires_grad_(False)
    peft.inject_adapter_in_model(config, tiny2.transformer)
    adapters = [p for name, p in tiny2.named_parameters() if "lora_" in name]
    assert len(adapters) == 2 * 4 * 4
    torch.testing.assert_close(outputs(tiny2), before, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(tiny2.forecast(SERIES, 16, 8), forecast, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        for parameter in adapters:
            parameter.add_(0.01)
    outputs(tiny2).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in adapters)
    assert all((p.grad is not None) == ("lora_" in name) for name, p in tiny2.named_parameters())
