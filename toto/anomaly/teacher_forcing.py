"""One causal pass over a stretch of history: the distribution of what follows each of its patches."""

import copy

from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from toto.errors import InputError
from toto.model.backbone import TotoBackbone, TotoOutput
from toto.model.groups import visible_variates
from toto.model.scaler import CausalStdMeanScaler, Scale


def predict_after_every_patch(
    backbone: TotoBackbone,
    series: Float[Tensor, "batch variates time"],
    observed: Bool[Tensor, "batch variates time"],
    group_ids: Shaped[Tensor, "batch variates time"],
    num_exogenous_variables: int,
    num_ahead: int,
) -> TotoOutput:
    """The distribution of the `num_ahead` steps behind every patch, given only what stands before them.

    It is in scaled space, [batch, variates, patches, num_ahead]; the map to units has 1 or num_ahead steps.
    Limits of the scale, which models take from the whole context, are left out: they would let the future in.

    Raises:
        InputError: the model scales by the whole context, or a patch holds two group ids.
    """
    scaler = copy.copy(backbone.scaler)
    if not isinstance(scaler, CausalStdMeanScaler):
        raise InputError(
            f"model scales every patch by statistics of the whole context ({type(scaler).__name__}), so that "
            "the past of a history would depend on its future: take a model with a causal scaler"
        )
    scaler.stabilize_with_global = False
    groups = backbone.patch_groups(group_ids)
    statistics, _ = scaler.begin(series, observed)
    one_branch = Scale(*(s[:, :, None] for s in statistics))
    x = backbone.embed(series[:, :, None], observed[:, :, None], one_branch)
    if backbone.num_prepended_tokens:
        x, groups = backbone.prepend_labels(x, groups, num_exogenous_variables)
    hidden = backbone.transformer(x, visible_variates(groups), None)[:, :, 0]
    distribution = backbone.predict(hidden[..., backbone.num_prepended_tokens :, :], num_ahead)
    loc, scale = (backbone.per_patch(s)[..., :num_ahead] for s in statistics)
    return TotoOutput(distribution, loc, scale)
