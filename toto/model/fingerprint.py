"""Which weights these are, in a few characters."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

LABELS = "variate_label"  # how the names of vectors end that a model may be given later


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Tells weights from others, by their published names, whatever file they come from.

    It is of the values in half precision, so that it does not depend on the precision in which a model was
    loaded. Labels of covariates do not count.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(weights):
        if not name.endswith(LABELS):
            values = weights[name].detach().to("cpu", torch.bfloat16).reshape(-1)
            digest.update(name.encode() + values.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
