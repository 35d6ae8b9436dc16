"""From what a caller gives to what decoding starts from."""

import logging
import warnings
from typing import NamedTuple

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

    series: in units, 0 where missing; float32, or float64 if it was given so.
    observed: True where a value is real.
    group_ids: variates with equal ids see each other; constant within a patch.
    """

    series: Float[Tensor, "batch variates time"]
    observed: Bool[Tensor, "batch variates time"]
    group_ids: Shaped[Tensor, "batch variates time"]
    num_exogenous_variables: int


def prepare_context(inputs: MaskedTimeseries, backbone: TotoBackbone) -> Context:
    """Check a series, mark what is missing, and pad it on the left to whole patches.

    NaN and infinite values are missing, and so is everything under the mask, whatever it holds.
    A variate without any real value is forecast like a constant 0, with a warning.

    Raises:
        InputError: empty series, or masks, ids or numbers of covariates that do not fit.
    """
    if inputs.series.ndim not in (2, 3) or 0 in inputs.series.shape:
        raise InputError(
            "series must be [variates, time] or [batch, variates, time] with at least one step of one "
            f"variate, got shape {tuple(inputs.series.shape)}"
        )
    series, mask, ids = (
        t[None] if t.ndim == 2 else t for t in (inputs.series, inputs.padding_mask, inputs.id_mask)
    )
    _check(series, mask, ids, inputs.num_exogenous_variables)
    device = backbone.device
    if series.dtype is not torch.float64 or accumulation_dtype(device) is not torch.float64:
        series = series.float()
    series, mask, ids = series.to(device), mask.to(device).bool(), ids.to(device).expand(series.shape)
    observed = mask & series.isfinite()
    _report_missing(mask, observed)
    stride = backbone.patch_embed.stride
    shortfall = max(0, backbone.patch_embed.patch_size - series.shape[-1])
    if shortfall:  # a series shorter than a patch becomes one patch
        stride = backbone.patch_embed.patch_size
    return Context(
        pad_array(torch.where(observed, series, 0.0), stride),
        pad_array(observed, stride),
        pad_id_mask(ids, stride),
        inputs.num_exogenous_variables,
    )


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


def _report_missing(mask: Tensor, observed: Tensor) -> None:
    unusable = int((mask & ~observed).sum())
    if unusable:
        logger.info("%d NaN or infinite values are treated as missing", unusable)
    empty = ~observed.any(-1)
    if bool(empty.any()):
        first = empty.nonzero()[0].tolist()
        warnings.warn(
            f"{int(empty.sum())} of {empty.numel()} variates hold no real value (first: batch {first[0]}, "
            f"variate {first[1]}) and are forecast as if they were 0 throughout: leave them out",
            stacklevel=4,
        )
