"""From what a caller gives to what decoding starts from."""

import logging
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from toto.data.masked_timeseries import MaskedTimeseries
from toto.data.padding import pad_array, pad_id_mask
from toto.errors import InputError
from toto.kernels import accumulation_dtype
from toto.model.backbone import TotoBackbone

logger = logging.getLogger(__name__)


class Context(NamedTuple):
    """Series that fill whole patches, on the device of the model.

    series: in units, 0 where missing; float32, or float64 if it was given so or as whole numbers.
    observed: True where a value is real.
    group_ids: variates with equal ids see each other; constant within a patch.
    """

    series: Float[Tensor, "batch variates time"]
    observed: Bool[Tensor, "batch variates time"]
    group_ids: Shaped[Tensor, "batch variates time"]
    num_exogenous_variables: int


def prepare_context(inputs: Any, backbone: TotoBackbone) -> Context:
    """A series as a model of the first generation takes it; see `whole_patches`."""
    sizes = backbone.patch_embed
    return whole_patches(inputs, sizes.patch_size, sizes.stride, backbone.device)


def whole_patches(inputs: Any, patch_size: int, stride: int, device: torch.device) -> Context:
    """Check a series, mark what is missing, and pad it on the left to whole patches.

    NaN and infinite values are missing, and so is everything under the mask, whatever it holds.
    A variate without any real value is forecast like a constant 0.

    Raises:
        InputError: empty series, or masks, ids or numbers of covariates that do not fit.
    """
    if not isinstance(inputs, MaskedTimeseries) or not all(isinstance(t, Tensor) for t in inputs[:3]):
        raise InputError(
            f"inputs must be a MaskedTimeseries of tensors, got {_described(inputs)}: make one with "
            f"MaskedTimeseries.from_array({_as_array(inputs)}), or pass a list of series"
        )
    if inputs.series.ndim not in (2, 3) or 0 in inputs.series.shape:
        raise InputError(
            "series must be [variates, time] or [batch, variates, time] with at least one step of one "
            f"variate, got shape {tuple(inputs.series.shape)}"
        )
    series, mask, ids = (
        t[None] if t.ndim == 2 else t for t in (inputs.series, inputs.padding_mask, inputs.id_mask)
    )
    _check(series, mask, ids, inputs.num_exogenous_variables)
    wide = series.dtype is torch.float64 or not series.is_floating_point()
    series = series.to(accumulation_dtype(device) if wide else torch.float32).to(device)
    mask, ids = mask.bool().to(device), _exact_ids(ids).to(device).expand(series.shape)
    observed = mask & series.isfinite()
    _report_missing(mask, observed)
    multiple = patch_size if series.shape[-1] < patch_size else stride
    return Context(
        pad_array(torch.where(observed, series, 0.0), multiple),
        pad_array(observed, multiple),
        pad_id_mask(ids, multiple),
        inputs.num_exogenous_variables,
    )


def _described(inputs: Any) -> str:
    """The type of what is no series, and the shape if it has one."""
    shape = f" of shape {tuple(inputs.shape)}" if hasattr(inputs, "shape") else ""
    return type(inputs).__name__ + shape


def _as_array(inputs: Any) -> str:
    """How to write it as an array [variates, time]."""
    return "frame[columns].to_numpy().T" if hasattr(inputs, "columns") else "values"


def _check(series: Tensor, mask: Tensor, ids: Tensor, num_exogenous_variables: int) -> None:
    if mask.shape != series.shape:
        raise InputError(
            f"padding_mask must have the shape of series {tuple(series.shape)}, got {tuple(mask.shape)}"
        )
    batch, variates, time = series.shape
    fits = (
        ids.ndim == 3
        and ids.shape[0] == batch
        and ids.shape[1] in (1, variates)
        and ids.shape[2] in (1, time)
    )
    if not fits:
        raise InputError(
            f"id_mask must have the shape of series {tuple(series.shape)}, or 1 as variates or time, "
            f"got {tuple(ids.shape)}"
        )
    if not 0 <= num_exogenous_variables < variates:
        raise InputError(
            f"num_exogenous_variables must leave at least one of {variates} variates to forecast, "
            f"got {num_exogenous_variables}"
        )


def _exact_ids(ids: Tensor) -> Tensor:
    """Ids in a dtype that every device has; half precision and float64 hold the same whole numbers."""
    return ids.long() if bool((ids == ids.long()).all()) else ids.float()


def _report_missing(mask: Tensor, observed: Tensor) -> None:
    unusable = int((mask & ~observed).sum())
    if unusable:
        logger.info("%d NaN or infinite values are treated as missing", unusable)
