"""What each generation of models does its own way in fine-tuning; all the rest is the same for both."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from toto.finetuning.windows import WindowBatch
from toto.inference.models import Model
from toto.model.losses import pretraining_loss
from toto.model2.losses import quantile_loss
from toto.model2.toto2 import Toto2Model

_LABEL_NOISE = 0.05
_READOUT = re.compile(r"^output_head\..*\.(linear2|skip_proj)\.")


class Generation(ABC):
    """A model, and how it is trained.

    adapted: the names of the linear maps that get adapters, within `layers`; a regular expression.
    """

    adapted: str

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def patch_size(self) -> int:
        """Of the model."""
        return int(self.model.config.patch_size)

    @property
    def layers(self) -> nn.Module:
        """What adapters are put on."""
        return self.model.backbone.get_submodule("transformer")

    @property
    @abstractmethod
    def heads(self) -> Sequence[nn.Module]:
        """What turns the output of the layers into predictions."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Features of a token."""

    @property
    def weight_size(self) -> float:
        """How large a weight of the layers is, as a multiple of a usual one, 1 / sqrt(width)."""
        return 1.0

    def rate_factor(self, name: str) -> float:
        """How much higher than that of others the learning rate of a parameter is."""
        return 1.0

    @property
    def interpolates(self) -> bool:
        """Whether gaps are filled before the model sees a series."""
        return False

    @property
    def is_labelled(self) -> bool:
        """Whether the model has labels, by which it tells covariates from targets."""
        return False

    @property
    def can_be_labelled(self) -> bool:
        """Whether it can have any."""
        return False

    @abstractmethod
    def add_labels(self, seed: int) -> None:
        """Give the model labels that change little at first, if it can have some and has none."""

    @abstractmethod
    def loss(self, batch: WindowBatch) -> Float[Tensor, ""]:
        """What training makes small."""


class FirstGeneration(Generation):
    """Toto 1.0: every patch is predicted from the true ones before it, as a mixture."""

    adapted = r".*\.(wQKV|wO|mlp\.0|mlp\.2)"

    @property
    def heads(self) -> Sequence[nn.Module]:
        """See `Generation`."""
        return [self.model.model.unembed, self.model.model.output_distribution]

    @property
    def width(self) -> int:
        """See `Generation`."""
        return self.model.config.embed_dim

    @property
    def interpolates(self) -> bool:
        """See `Generation`."""
        return self.model.config.missing_values == "zero"

    @property
    def is_labelled(self) -> bool:
        """See `Generation`."""
        return self.model.model.num_prepended_tokens > 0

    @property
    def can_be_labelled(self) -> bool:
        """See `Generation`."""
        return True

    def add_labels(self, seed: int) -> None:
        """See `Generation`; both are near the token of a patch without values."""
        backbone = self.model.model
        if self.is_labelled:
            return
        backbone.enable_variate_labels()
        generator = torch.Generator().manual_seed(seed)
        empty = backbone.patch_embed.projection.bias.detach()
        empty = empty / empty.norm().clamp(min=1e-6)
        for label in (backbone.target_variate_label, backbone.exogenous_variate_label):
            noise = torch.randn(empty.shape, generator=generator).to(empty) * empty.numel() ** -0.5
            assert label is not None
            label.data.copy_(empty + _LABEL_NOISE * noise)

    def loss(self, batch: WindowBatch) -> Float[Tensor, ""]:
        """See `Generation`; that of the published models."""
        sizes = self.model.config
        output = self.model.model(
            batch.series,
            batch.observed,
            torch.zeros_like(batch.series),
            scaling_prefix_length=batch.context,
            num_exogenous_variables=batch.num_exogenous,
        )
        return pretraining_loss(
            output, batch.series, batch.observed, sizes.patch_size, sizes.stride, batch.weight
        ).total


class SecondGeneration(Generation):
    """Toto 2.0: the horizon is hidden and predicted in one pass, as a forecast does it, by quantiles."""

    adapted = r".*\.(in_proj|out_proj|fc1|fc2)"

    @property
    def heads(self) -> Sequence[nn.Module]:
        """See `Generation`."""
        return [self.model.output_head]

    @property
    def width(self) -> int:
        """See `Generation`."""
        return self.model.config.d_model

    @property
    def weight_size(self) -> float:
        """See `Generation`; weights of unit-scaled maps are of size 1, whatever the width."""
        return math.sqrt(self.width)

    def rate_factor(self, name: str) -> float:
        """See `Generation`; a readout divides by the width and not by its root (arXiv 2407.17465)."""
        return math.sqrt(self.width) if _READOUT.search(name) else 1.0

    def add_labels(self, seed: int) -> None:
        """See `Generation`: it can have none."""

    def loss(self, batch: WindowBatch) -> Float[Tensor, ""]:
        """See `Generation`; known covariates are seen in the horizon too."""
        shown = torch.ones_like(batch.observed)
        shown[:, : shown.shape[1] - batch.num_exogenous, batch.context :] = False
        together = torch.zeros(shown.shape[:2], dtype=torch.long, device=shown.device)
        output = self.model(batch.series, batch.observed, shown, together)
        return quantile_loss(output, batch.series, batch.observed, self.patch_size, batch.weight)


def generation_of(model: Model) -> Generation:
    """The generation of a model."""
    return SecondGeneration(model) if isinstance(model, Toto2Model) else FirstGeneration(model)
