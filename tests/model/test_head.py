import pytest
import torch
from torch.nn import functional as F

from toto import kernels
from toto.kernels.derived import _derived
from toto.model.head import project

DISTRIBUTIONS = {"MixtureOfStudentTsOutput": {"k_components": 3}, "StudentTOutput": None}


@pytest.fixture(params=DISTRIBUTIONS)
def backbone(make_tiny, request):
    kwargs = DISTRIBUTIONS[request.param]
    toto = make_tiny(output_distribution_classes=(request.param,), output_distribution_kwargs=kwargs)
    return toto.model


def features_first(backbone, hidden, num_steps):
    """The definition: a feature vector for every step, then each head."""
    features = backbone.unembed(hidden).unflatten(-1, (-1, backbone.embed_dim))[..., :num_steps, :]
    return F.linear(features, *backbone.output_distribution.joint_projection())


@pytest.mark.parametrize("num_tokens", [1, 40])
@pytest.mark.parametrize("num_steps", [8, 3])
def test_folded_heads_give_what_features_and_heads_give(backbone, num_tokens, num_steps):
    hidden = torch.randn(2, num_tokens, backbone.embed_dim, dtype=torch.float64)
    expected = features_first(backbone, hidden, num_steps)
    arguments = (hidden, backbone.unembed, backbone.output_distribution, num_steps)
    torch.testing.assert_close(project(*arguments), expected)
    with torch.no_grad():
        torch.testing.assert_close(project(*arguments), expected)


@pytest.mark.parametrize("num_tokens", [1, 40])
def test_gradients_reach_unembedding_and_heads(backbone, num_tokens):
    hidden = torch.randn(2, num_tokens, backbone.embed_dim, dtype=torch.float64, requires_grad=True)
    weights = [hidden, backbone.unembed.weight, backbone.unembed.bias]
    weights += list(backbone.output_distribution.parameters())
    of_folded = torch.autograd.grad(
        project(hidden, backbone.unembed, backbone.output_distribution, 8).square().sum(), weights
    )
    expected = torch.autograd.grad(features_first(backbone, hidden, 8).square().sum(), weights)
    for gradient, wanted in zip(of_folded, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_heads_are_folded_anew_after_training(backbone):
    hidden = torch.randn(2, backbone.embed_dim, dtype=torch.float64)
    arguments = (hidden, backbone.unembed, backbone.output_distribution, 8)
    with torch.no_grad():
        project(*arguments)
    optimiser = torch.optim.AdamW(backbone.parameters(), lr=0.1)
    project(*arguments).square().sum().backward()
    optimiser.step()
    with torch.no_grad():
        torch.testing.assert_close(project(*arguments), features_first(backbone, hidden, 8))


def test_heads_of_a_part_of_a_patch_are_not_laid_out_anew(make_tiny):
    """They are a part of the folded ones: a copy of all in another layout would never be used."""
    backbone = make_tiny().float().model
    unembed, heads = backbone.unembed, backbone.output_distribution
    with torch.no_grad():
        project(torch.randn(2, backbone.embed_dim), unembed, heads, 3)
    weights = (unembed.weight, unembed.bias, *heads.parameters())
    folded, _ = kernels.kept("folded heads, torch.float32", weights, pytest.fail)
    assert folded not in _derived
