"""The copies of a model that are trained, and that come out of training."""

import copy
from collections.abc import Mapping

from torch import Tensor

from toto.finetuning.generations import generation_of
from toto.finetuning.lora import add_adapters, taken_adapter
from toto.finetuning.settings import FitSettings
from toto.inference.models import Model
from toto.inference.pipeline.fit_record import FitRecord
from toto.model.adapter import Adapter


class Candidate:
    """A copy of a model, in which what the mode says requires gradients.

    Args:
        model: stays as it is.
        settings: `mode` and `rank`.
        labels: whether targets and covariates are told apart, by a model that can.
    """

    def __init__(self, model: Model, settings: FitSettings, labels: bool) -> None:
        self._mode = settings.mode
        self._base = copy.deepcopy(model).float().eval()
        if labels:
            generation_of(self._base).add_labels(settings.seed)
        self.training = copy.deepcopy(self._base)
        self.training.adapter = None
        generation = generation_of(self.training)
        if settings.mode == "lora":
            add_adapters(generation, settings.rank)
        elif settings.mode == "head":
            self.training.requires_grad_(False)
            for head in generation.heads:
                head.requires_grad_(True)
        else:
            self.training.requires_grad_(True)
        for name, parameter in self.training.named_parameters():
            if name.endswith("variate_label"):
                parameter.requires_grad_(True)

    def with_weights(self, weights: Mapping[str, Tensor]) -> Model:
        """The model with trained weights, as `training` has them; it can be saved."""
        self.training.load_state_dict(weights)
        model = copy.deepcopy(self._base)
        model.adapter = model.source = None
        if self._mode == "lora":
            assert self._base.source is not None
            weights = self._base.state_dict()
            adapter = taken_adapter(self.training, Adapter.pointer(self._base.source, weights))
            model.load_state_dict(adapter.merged(weights))
            model.adapter = adapter
        else:
            model.load_state_dict(self.training.state_dict())
        return model.requires_grad_(True).eval()


def recorded(model: Model, record: FitRecord) -> Model:
    """A copy of a model with a record in its configuration."""
    model = copy.deepcopy(model)
    model.config = model.backbone.config = record.into(model.config)
    return model
