"""The model: series in, a distribution of what comes after every patch out."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from toto import kernels
from toto.errors import InputError
from toto.model.cache import KVCache
from toto.model.config import TotoConfig
from toto.model.distribution import MixtureOfStudentTs, MixtureOfStudentTsOutput, StudentT, StudentTOutput
from toto.model.embedding import PatchEmbedding, unit_vector
from toto.model.groups import visible_variates
from toto.model.head import project
from toto.model.scaler import CausalPatchStdMeanScaler, CausalStdMeanScaler, Scale, Scaler, StdMeanScaler
from toto.model.transformer import Transformer

Tokens = Float[Tensor, "batch variates branches patches embed_dim"]
PredictiveDistribution = StudentT | MixtureOfStudentTs


class TotoOutput(NamedTuple):
    """A distribution in scaled space, and the map out of it: loc + scale * value.

    From `TotoBackbone.forward` the last axis has patches * patch_size entries: entry
    i * patch_size + j predicts step j of the patch_size steps that follow patch i.
    """

    distribution: PredictiveDistribution
    loc: Float[Tensor, "*batch steps"]
    scale: Float[Tensor, "*batch steps"]


class TotoBackbone(nn.Module):
    """Patch embedding, transformer and distribution head of one configuration.

    `forward` predicts after every patch of a series (training, scoring). Decoding uses its parts:
    `embed`, `transformer` against a cache, and `predict` for the newest token.
    """

    def __init__(self, config: TotoConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_dim = config.embed_dim
        self.num_layers = config.num_layers
        self.scaler = _build_scaler(config)
        self.patch_embed = PatchEmbedding(config.patch_size, config.stride, config.embed_dim)
        self.transformer = Transformer(config)
        self.unembed = nn.Linear(config.embed_dim, config.embed_dim * config.patch_size)
        self.output_distribution = (
            MixtureOfStudentTsOutput(config.embed_dim, config.k_components)
            if config.is_mixture
            else StudentTOutput(config.embed_dim)
        )
        self.target_variate_label: nn.Parameter | None = None
        self.exogenous_variate_label: nn.Parameter | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.unembed.weight.device

    def _apply(self, fn: Any, recurse: bool = True) -> "TotoBackbone":
        """Move or cast, and drop what was derived from the weights as they were."""
        moved: TotoBackbone = super()._apply(fn, recurse)
        kernels.forget(self.parameters())
        return moved

    @property
    def num_prepended_tokens(self) -> int:
        """Tokens in front of the first patch: 1 with variate labels, else 0."""
        return 0 if self.target_variate_label is None else 1

    def enable_variate_labels(self) -> None:
        """Switch covariates on: one learned label vector for targets and one for covariates.

        Labels that exist are kept.
        """
        if self.target_variate_label is None:
            like = self.unembed.weight
            self.target_variate_label = nn.Parameter(torch.randn_like(like[0]) * self.embed_dim**-0.5)
            self.exogenous_variate_label = nn.Parameter(torch.randn_like(like[0]) * self.embed_dim**-0.5)

    def allocate_kv_cache(
        self,
        batch_size: int,
        num_variates: int,
        max_time_steps: int,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> KVCache:
        """A cache for up to `max_time_steps` steps, as `forward` takes it.

        The cache learns the other sizes, the device and the dtype from the first tokens it keeps;
        they are accepted for code written for toto-ts.
        """
        return KVCache(self.patch_embed.num_patches(max_time_steps) + self.num_prepended_tokens)

    def forward(
        self,
        inputs: Float[Tensor, "batch variates time"],
        input_padding_mask: Shaped[Tensor, " batch #variates time"],
        id_mask: Shaped[Tensor, " batch #variates #time"],
        kv_cache: KVCache | None = None,
        scaling_prefix_length: int | None = None,
        num_exogenous_variables: int = 0,
    ) -> TotoOutput:
        """Predict what follows every patch, each from the steps up to its own end.

        Args:
            inputs: series in their own units; values under the mask count as 0.
            input_padding_mask: True (1) where a value is real.
            id_mask: group ids, constant within a patch; variates of one id see each other.
            kv_cache: tokens of an earlier call on the start of the same series; only later
                patches are run, and the output covers these alone.
            scaling_prefix_length: steps that global statistics are taken from (None: all).
            num_exogenous_variables: how many of the last variates are covariates.

        Raises:
            InputError: the length is not a whole number of patches, or a patch holds two group ids.
        """
        self._check_length(inputs)
        if not 0 <= num_exogenous_variables <= inputs.shape[1]:
            raise InputError(
                f"num_exogenous_variables must be from 0 to the {inputs.shape[1]} variates of inputs, "
                f"got {num_exogenous_variables}"
            )
        observed = input_padding_mask.expand(inputs.shape).bool()
        series = torch.where(observed, inputs, 0.0)
        groups = self.patch_groups(id_mask.expand(inputs.shape))
        statistics, _ = self.scaler.begin(series, observed, scaling_prefix_length)
        done = 0 if kv_cache is None else max(0, kv_cache.length - self.num_prepended_tokens)
        if done >= groups.shape[-1]:
            raise InputError(
                f"inputs must go on after the {done} patches in the cache, got {groups.shape[-1]}"
            )
        one_branch = Scale(*(s[:, :, None] for s in statistics))
        x = self.embed(series[:, :, None], observed[:, :, None], one_branch)[..., done:, :]
        groups = groups[..., done:]
        if self.num_prepended_tokens and done == 0:
            x, groups = self.prepend_labels(x, groups, num_exogenous_variables)
        hidden = self.transformer(x, visible_variates(groups), kv_cache)[:, :, 0]
        if self.num_prepended_tokens and done == 0:
            hidden = hidden[..., 1:, :]
        outputs = project(hidden, self.unembed, self.output_distribution, self.config.patch_size)
        distribution = self.output_distribution.from_projection(outputs.flatten(2, 3))
        loc, scale = (self._per_entry(s, done, hidden.shape[2]).to(inputs.dtype) for s in statistics)
        return TotoOutput(distribution, loc, scale)

    def embed(
        self,
        series: Float[Tensor, "batch variates branches time"],
        observed: Bool[Tensor, "batch variates branches time"],
        statistics: Scale,
    ) -> Tokens:
        """Tokens of the patches of a series (in units, 0 where missing), before any layer."""
        loc, scale = (self.per_patch(s) for s in statistics)
        scaled = (self.patch_embed.patches(series).to(loc.dtype) - loc) / scale
        if self.config.missing_values == "loc":
            scaled = torch.where(self.patch_embed.patches(observed), scaled, 0.0)
        return self.patch_embed(scaled)

    def per_patch(self, statistic: Float[Tensor, "*batch time"]) -> Float[Tensor, "*batch patches steps"]:
        """A loc or scale of every step as that of every patch; `steps` is 1 or patch_size."""
        return self.scaler.per_patch(statistic, self.patch_embed.patch_size, self.patch_embed.stride)

    def patch_groups(
        self, group_ids: Shaped[Tensor, "batch variates time"]
    ) -> Shaped[Tensor, "batch variates patches"]:
        """The group id of every patch.

        Raises:
            InputError: a patch holds two group ids.
        """
        ids = self.patch_embed.patches(group_ids)
        if ids.stride(-1) != 0 and bool((ids != ids[..., :1]).any()):
            b, v, p = (ids != ids[..., :1]).any(-1).nonzero()[0].tolist()
            raise InputError(
                f"id_mask must be constant within a patch of {self.patch_embed.patch_size} steps, got two "
                f"ids in patch {p} of variate {v}, batch {b}: start a group at a multiple of the patch size"
            )
        return ids[..., 0]

    def prepend_labels(
        self, x: Tokens, groups: Shaped[Tensor, "batch variates patches"], num_exogenous_variables: int
    ) -> tuple[
        Float[Tensor, "batch variates branches tokens embed_dim"], Shaped[Tensor, "batch variates tokens"]
    ]:
        """Put the token that tells targets from covariates in front of every variate."""
        assert self.target_variate_label is not None
        assert self.exogenous_variate_label is not None
        num_targets = x.shape[1] - num_exogenous_variables
        target, exogenous = unit_vector(self.target_variate_label), unit_vector(self.exogenous_variate_label)
        labels = torch.stack([target] * num_targets + [exogenous] * num_exogenous_variables)
        labels = labels[None, :, None, None].expand(x.shape[0], -1, x.shape[2], -1, -1).to(x.dtype)
        return torch.cat([labels, x], dim=3), torch.cat([groups[..., :1], groups], dim=-1)

    def predict(
        self, hidden: Float[Tensor, "*batch embed_dim"], num_steps: int | None = None
    ) -> PredictiveDistribution:
        """The distribution of the first `num_steps` (None: all) of the patch_size steps after each token.

        Its batch shape is that of the tokens with a last axis for the steps; it is in scaled space.
        """
        return self.output_distribution.from_projection(
            project(hidden, self.unembed, self.output_distribution, num_steps or self.config.patch_size)
        )

    def _per_entry(
        self, statistic: Float[Tensor, "batch variates time"], done: int, num_patches: int
    ) -> Float[Tensor, "batch variates steps"]:
        """A loc or scale of every step as that of every entry of the output (one for all: 1 step)."""
        by_patch = self.per_patch(statistic)
        if self.scaler.one_per_series:
            return by_patch.flatten(-2)
        by_patch = by_patch[..., done:, :]
        return by_patch.expand(*by_patch.shape[:-2], num_patches, self.config.patch_size).flatten(-2)

    def _check_length(self, inputs: Tensor) -> None:
        patch_size, stride = self.config.patch_size, self.config.stride
        num_steps = inputs.shape[-1]
        if num_steps < patch_size or num_steps % stride:
            raise InputError(
                f"inputs must hold at least {patch_size} steps and a multiple of {stride}, got {num_steps}: "
                f"pad on the left with pad_array, or use TotoForecaster, which does"
            )


def _build_scaler(config: TotoConfig) -> Scaler:
    """The scaler of a configuration; only the causal patch scaler reads more than its name."""
    if config.scaler_cls == "CausalPatchStdMeanScaler":
        return CausalPatchStdMeanScaler(
            patch_size=config.patch_size,
            stabilize_with_global=config.stabilize_with_global,
            scale_factor_exponent=config.scale_factor_exponent,
        )
    return CausalStdMeanScaler() if config.scaler_cls == "CausalStdMeanScaler" else StdMeanScaler()
