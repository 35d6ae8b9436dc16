"""What a stream must give, from the model run anew over the same patches."""

import numpy as np
import torch

from toto import Toto


def walks(variates: int, steps: int, seed: int = 0, missing: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(variates, steps)).cumsum(-1) + 50
    values[rng.random(values.shape) < missing] = np.nan
    return values


@torch.no_grad()
def log_prob(
    toto: Toto, values: np.ndarray, start: int, anchored: int, group_ids=None, num_exogenous: int = 0
) -> np.ndarray:
    """[variates, steps] of the steps after the first patch, each by the newest patch before it.

    Patches lie from step `start` on (below 0: padded), with global statistics of the steps before `anchored`.
    """
    patch_size, stride = toto.config.patch_size, toto.config.stride
    pad = ((0, 0), (max(0, -start), patch_size))
    steps = torch.from_numpy(np.pad(values[:, max(0, start) :], pad, constant_values=np.nan))
    length = (steps.shape[1] - patch_size) // stride * stride
    series = steps[None, :, :length]
    ids = torch.zeros(len(values)) if group_ids is None else torch.as_tensor(group_ids)
    distribution, loc, scale = toto.model(
        series.nan_to_num(0.0),
        ~series.isnan(),
        ids[None, :, None].expand(series.shape),
        scaling_prefix_length=anchored - start,
        num_exogenous_variables=num_exogenous,
    )
    after = steps.unfold(-1, patch_size, stride)[None, :, patch_size // stride :]
    after = after[:, :, : distribution.batch_shape[-1] // patch_size]
    found = distribution.affine(loc, scale).log_prob(after.flatten(2))
    by_patch = found.unflatten(2, (-1, patch_size))[0, :, :, :stride].flatten(1)
    return by_patch[:, : values.shape[1] - start - patch_size].numpy()
