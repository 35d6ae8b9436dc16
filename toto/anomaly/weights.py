"""Which weights a detector was fitted with: its thresholds hold for no others."""

from typing import Any

from toto.inference.models import forecaster_of
from toto.model.fingerprint import fingerprint


def weights_of(model: Any) -> str:
    """The fingerprint of the weights of a model, a backbone or a forecaster, compiled or not."""
    weights = forecaster_of(model).model.state_dict()
    return fingerprint({name.replace("._orig_mod.", "."): values for name, values in weights.items()})
