"""Windows of training as one batch."""

from collections.abc import Sequence

import torch

from toto.data.masked_timeseries import CausalMaskedTimeseries
from toto.errors import InputError


def collate_causal(batch: Sequence[CausalMaskedTimeseries]) -> CausalMaskedTimeseries:
    """Windows [variates, time] as one [batch, variates, time]; their context and target are the same steps.

    Raises:
        InputError: no window, or windows that differ in shape, slices or number of covariates.
    """
    if not batch:
        raise InputError("batch must hold at least one window, got none")
    first = _what_is_shared(batch[0])
    for place, window in enumerate(batch):
        if _what_is_shared(window) != first:
            raise InputError(
                "windows of a batch must agree in shape, input_slice, target_slice and number of covariates: "
                f"window {place} has {_what_is_shared(window)}, the first {first}"
            )
    return CausalMaskedTimeseries(
        torch.stack([window.series for window in batch]),
        torch.stack([window.padding_mask for window in batch]),
        torch.stack([window.id_mask for window in batch]),
        torch.stack([window.timestamp_seconds for window in batch]),
        torch.stack([window.time_interval_seconds for window in batch]),
        batch[0].input_slice,
        batch[0].target_slice,
        batch[0].num_exogenous_variables,
    )


def _what_is_shared(window: CausalMaskedTimeseries) -> tuple[object, ...]:
    slices = window.input_slice, window.target_slice
    return tuple(window.series.shape), *slices, window.num_exogenous_variables
