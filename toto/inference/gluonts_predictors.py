"""A predictor of GluonTS (extra `gluonts`) for a model of either generation."""

from typing import Any, SupportsIndex

from toto.inference.arguments import count
from toto.inference.gluonts_predictor import TotoPredictor
from toto.inference.gluonts_predictor2 import Toto2GluonTSModelConfig, Toto2Predictor
from toto.inference.models import draws_paths


def predictor_of(
    model: Any, prediction_length: SupportsIndex, context_length: SupportsIndex, **options: Any
) -> TotoPredictor | Toto2Predictor:
    """Forecasts every item of a dataset, whose targets are [time] or [variates, time].

    Args:
        model: a `Toto`, or a `Toto2Model`.
        prediction_length: steps to forecast.
        context_length: steps at the end of a target that the model sees, at most; of a `Toto2Model` in whole
            patches, at least one.
        options: the further arguments of `TotoPredictor`; of a `Toto2Model` `batch_size`, and fields of
            `Toto2GluonTSModelConfig`.

    Raises:
        InputError: an argument that breaks a rule; the message names it.
    """
    horizon, steps = count("prediction_length", prediction_length), count("context_length", context_length)
    if draws_paths(model):
        return TotoPredictor(model, horizon, steps, **options)
    batching = {name: options.pop(name) for name in ("batch_size",) if name in options}
    patch_size = model.config.patch_size
    of_horizon = (horizon - 1) // patch_size * patch_size  # which published configurations count as context
    config = Toto2GluonTSModelConfig(horizon, steps + of_horizon, None, **options)
    return Toto2Predictor(model, config, **batching)
