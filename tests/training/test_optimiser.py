"""Which weights which optimiser moves, and how far."""

import dataclasses

import pytest
import torch

from toto import Toto
from toto.errors import ConfigError
from toto.training.config import NANO, PretrainConfig
from toto.training.optimiser import Optimisers

MODEL = dataclasses.replace(NANO, embed_dim=16, mlp_hidden_dim=24, num_heads=2)


def steps_of(optimiser: str, weight_decay: float = 0.0) -> dict[str, torch.Tensor]:
    """What a step with random gradients adds to every weight."""
    torch.manual_seed(0)
    model = Toto.from_config(MODEL)
    config = PretrainConfig(
        model=MODEL, num_steps=1, optimiser=optimiser, weight_decay=weight_decay, learning_rate=0.01
    )
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    Optimisers(model, config).step(learning_rate=0.01)
    return {name: p.detach() - before[name] for name, p in model.named_parameters()}


def test_muon_makes_the_steps_of_inner_matrices_orthogonal():
    step = steps_of("muon")["model.transformer.layers.0.attention.wO.weight"]
    singular = torch.linalg.svdvals(step)
    assert float(singular.max() / singular.min()) < 4
    gradient_like = torch.linalg.svdvals(torch.randn(16, 16))
    assert float(gradient_like.max() / gradient_like.min()) > 8


def test_muon_leaves_embedding_head_and_vectors_to_adamw():
    adamw, muon = steps_of("adamw"), steps_of("muon")
    for name, step in muon.items():
        inner = ".layers." in name and step.ndim == 2
        assert torch.equal(step, adamw[name]) != inner, name


def test_steps_of_both_optimisers_are_of_about_one_size():
    adamw, muon = steps_of("adamw"), steps_of("muon")
    for name, step in muon.items():
        if ".layers." in name and step.ndim == 2:
            assert 0.1 < float(step.norm() / adamw[name].norm()) < 0.5, name


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_weight_decay_shrinks_matrices_only(optimiser):
    plain, decayed = steps_of(optimiser), steps_of(optimiser, weight_decay=0.5)
    for name, step in plain.items():
        assert torch.equal(step, decayed[name]) == (step.ndim < 2), name


def test_an_old_pytorch_without_muon_is_an_error(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ConfigError, match=r"optimiser 'muon' needs PyTorch 2.9, got 2\."):
        steps_of("muon")
