"""The copies of a model that are trained, and that come out of training."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from toto.errors import InputError
from toto.finetuning.lora import add_adapters, taken_adapter
from toto.finetuning.settings import FitSettings
from toto.inference.fit_record import FitRecord
from toto.model.toto import Toto

_LABEL_NOISE = 0.05


class Candidate:
    """A copy of a model, in which what the mode says requires gradients.

    Args:
        toto: stays as it is.
        settings: `mode` and `rank`.
        labels: whether targets and covariates are told apart.

    Raises:
        InputError: adapters for a model that was loaded from nowhere.
    """

    def __init__(self, toto: Toto, settings: FitSettings, labels: bool) -> None:
        if settings.mode == "lora" and toto.source is None:
            raise InputError(
                'mode "lora" needs a model that was loaded by from_pretrained, to which the adapter can '
                "point: save this one and load it, or use another mode"
            )
        self._mode = settings.mode
        self._base = copy.deepcopy(toto).float().eval()
        if labels:
            _enable_labels(self._base, settings.seed)
        self.training = copy.deepcopy(self._base)
        self.training.adapter = None
        if settings.mode == "lora":
            add_adapters(self.training, settings.rank)
        elif settings.mode == "head":
            self.training.requires_grad_(False)
            self.training.model.unembed.requires_grad_(True)
            self.training.model.output_distribution.requires_grad_(True)
        else:
            self.training.requires_grad_(True)
        for name, parameter in self.training.named_parameters():
            if name.endswith("variate_label"):
                parameter.requires_grad_(True)

    def with_weights(self, weights: Mapping[str, Tensor]) -> Toto:
        """The model with trained weights, as `training` has them; it can be saved."""
        self.training.load_state_dict(weights)
        model = copy.deepcopy(self._base)
        model.adapter = model.source = None
        if self._mode == "lora":
            assert self._base.source is not None
            adapter = taken_adapter(self.training, self._base.source)
            model.load_state_dict(adapter.merged(self._base.state_dict()))
            model.adapter = adapter
        else:
            model.load_state_dict(self.training.state_dict())
        return model.requires_grad_(True).eval()


def recorded(toto: Toto, record: FitRecord) -> Toto:
    """A copy of a model with a record in its configuration."""
    model = copy.deepcopy(toto)
    model.config = model.model.config = record.into(toto.config)
    return model


def _enable_labels(toto: Toto, seed: int) -> None:
    """Labels that change little at first: both near the token of a patch without values."""
    backbone = toto.model
    if backbone.num_prepended_tokens:
        return
    backbone.enable_variate_labels()
    generator = torch.Generator().manual_seed(seed)
    empty = backbone.patch_embed.projection.bias.detach()
    empty = empty / empty.norm().clamp(min=1e-6)
    for label in (backbone.target_variate_label, backbone.exogenous_variate_label):
        noise = torch.randn(empty.shape, generator=generator).to(empty) * empty.numel() ** -0.5
        assert label is not None
        label.data.copy_(empty + _LABEL_NOISE * noise)
