"""Encoders by the kind of their model."""

from typing import Any

from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.models import Forecaster
from toto.streaming.encoder import Encoder
from toto.streaming.mixture_encoder import MixtureEncoder
from toto.streaming.patch_grid import PatchGrid
from toto.streaming.quantile_encoder import QuantileEncoder


def grid_of(forecaster: Forecaster, max_context: int) -> PatchGrid:
    """Where the patches of streams lie."""
    return _kind(forecaster).grid(forecaster.model, max_context)


def encoder_of(forecaster: Forecaster, num_variates: int, max_steps: int) -> Encoder:
    """For streams of so many variates, of which patches cover at most so many steps."""
    return _kind(forecaster)(forecaster.model, num_variates, max_steps)


def _kind(forecaster: Forecaster) -> Any:
    return QuantileEncoder if isinstance(forecaster, Toto2Forecaster) else MixtureEncoder
