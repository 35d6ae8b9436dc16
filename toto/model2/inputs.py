"""What a caller gives, checked, as patches: targets, then covariates, over context and horizon."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from toto.errors import InputError
from toto.kernels import accumulation_dtype
from toto.model2.scaler import Observed, Patches

NAMES = (
    "target",
    "target_mask",
    "series_ids",
    "known_dynamic",
    "known_dynamic_mask",
    "known_dynamic_series_ids",
)


class Inputs(NamedTuple):
    """Series in whole patches, padded on the left, from the context to the end of the horizon.

    patches: in units, 0 where nothing is observed; float32, or float64 if given so or as whole numbers.
    observed: True where a value is real; those of targets end with the context.
    series_ids: variates of equal ids see each other.
    num_targets: the other variates are covariates.
    num_context: patches before the horizon.
    """

    patches: Patches
    observed: Observed
    series_ids: Int[Tensor, "batch variates"]
    num_targets: int
    num_context: int


def prepare(inputs: Any, num_future: int, patch_size: int, device: torch.device) -> tuple[Inputs, torch.Size]:
    """The inputs of a forecast of `num_future` patches, on the device of the model, and their leading axes.

    NaN and infinite values are missing, and so is everything under a mask, whatever it holds.

    Raises:
        InputError: unknown or missing names, or tensors that do not fit each other.
    """
    _check_names(inputs)
    target, observed, ids = _series(inputs, "target", "target_mask", "series_ids", device)
    leading, length = target.shape[:-2], target.shape[-1]
    parts = [_in_patches(target, observed, ids, length, num_future, patch_size)]
    if inputs.get("known_dynamic") is not None:
        names = ("known_dynamic", "known_dynamic_mask", "known_dynamic_series_ids")
        known = _series(inputs, *names, device)
        if known[0].shape[:-2] != leading:
            raise InputError(
                f"known_dynamic must have the leading axes of target {tuple(leading)}, "
                f"got {tuple(known[0].shape[:-2])}"
            )
        parts.append(_in_patches(*known, length, num_future, patch_size))
    patches, masks, all_ids = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    ranks = all_ids.unique(return_inverse=True)[1]  # from 0, whatever the ids are
    num_context = patches.shape[2] - num_future
    return Inputs(patches, masks, ranks, target.shape[-2], num_context), leading


def _series(
    inputs: Mapping[str, Any], name: str, mask_name: str, ids_name: str, device: torch.device
) -> tuple[Shaped[Tensor, "..."], Bool[Tensor, "..."], Shaped[Tensor, "..."]]:
    """Values [*, variates, time], 0 where missing, with mask and ids (None: all is real, in one group).

    They are on the device of the model, which may have no float64.
    """
    given = inputs[name]
    if not isinstance(given, Tensor) or given.ndim < 2 or 0 in given.shape or given.is_complex():
        shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise InputError(
            f"{name} must be a tensor [..., variates, time] of real numbers, with at least one step of one "
            f"variate, got {shape}"
        )
    wide = given.dtype is torch.float64 or not given.is_floating_point()
    values = given.to(device, accumulation_dtype(device) if wide else torch.float32)
    mask, ids = inputs.get(mask_name), inputs.get(ids_name)
    observed = values.isfinite()
    if mask is not None:
        _check_shape(mask_name, mask, values.shape, f"that of {name}")
        observed = observed & mask.to(device).bool()
    if ids is None:
        ids = torch.zeros(values.shape[:-1], dtype=torch.long, device=device)
    _check_shape(ids_name, ids, values.shape[:-1], f"that of {name} without time")
    return torch.where(observed, values, 0.0), observed, ids.to(device)


def _in_patches(
    values: Tensor, observed: Tensor, ids: Tensor, length: int, num_future: int, patch_size: int
) -> tuple[Patches, Observed, Shaped[Tensor, "batch variates"]]:
    """Series whose context has `length` steps, as whole patches up to the end of the horizon."""
    left = -length % patch_size
    right = length + num_future * patch_size - values.shape[-1]
    flat = (F.pad(t.reshape(-1, *t.shape[-2:]), (left, right)) for t in (values, observed))
    patches, masks = (t.unflatten(-1, (-1, patch_size)) for t in flat)
    return patches, masks, ids.reshape(-1, ids.shape[-1])


def _check_names(inputs: Any) -> None:
    if not isinstance(inputs, Mapping):
        raise InputError(f"inputs must be a dictionary of tensors, got {type(inputs).__name__}")
    unknown = sorted(map(str, set(inputs) - set(NAMES)))
    if unknown:
        raise InputError(f"inputs must hold {', '.join(NAMES)}, and nothing else, got {', '.join(unknown)}")
    if inputs.get("target") is None:
        raise InputError(f"inputs must hold target, got {', '.join(map(str, inputs)) or 'nothing'}")


def _check_shape(name: str, tensor: Any, shape: torch.Size, meaning: str) -> None:
    if not isinstance(tensor, Tensor) or tensor.shape != shape:
        got = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise InputError(f"{name} must be a tensor of shape {tuple(shape)}, {meaning}, got {got}")
