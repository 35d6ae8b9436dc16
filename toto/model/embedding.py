"""From patches to tokens."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from toto.model.feed_forward import Linear


class PatchEmbedding(nn.Module):
    """One linear map from the values of a patch to a token.

    Patch i covers the steps [i * stride, i * stride + patch_size); with stride < patch_size
    patches overlap.
    """

    def __init__(self, patch_size: int, stride: int, embed_dim: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.stride = stride
        self.projection = Linear(patch_size, embed_dim)

    def patches(self, values: Shaped[Tensor, "*batch time"]) -> Shaped[Tensor, "*batch patches patch_size"]:
        """The patches of the last axis, as a view."""
        return values.unfold(-1, self.patch_size, self.stride)

    def num_patches(self, num_steps: int) -> int:
        """How many patches `num_steps` steps give."""
        return (num_steps - self.patch_size) // self.stride + 1

    def forward(
        self, scaled: Float[Tensor, "*batch patches patch_size"]
    ) -> Float[Tensor, "*batch patches embed_dim"]:
        """Tokens of patches that are already scaled, in the dtype of the weights.

        Autocast does not reach it: half precision would round the values of the series, and with
        its first token the residual stream of all layers.
        """
        with torch.autocast(scaled.device.type, enabled=False):
            return self.projection(scaled.to(self.projection.weight.dtype))


def unit_vector(label: Float[Tensor, " embed_dim"]) -> Float[Tensor, " embed_dim"]:
    """A variate label divided by its L2 norm."""
    return label / torch.linalg.vector_norm(label)
