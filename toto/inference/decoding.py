"""The decoding loop: predict a patch, choose its values, append them, go on.

The context runs through the transformer once per series. Everything that later patches need of
it is one `DecodingState`; `fan_out` branches that value into many sample paths, which share the
context's keys and values and keep only their own patches. What the values of a patch are is up
to the `step` passed in: the mean (`take_mean`) or a draw (`Draw`).
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from toto.data.padding import is_extreme_value, replace_extreme_values
from toto.inference.context import Context
from toto.inference.philox import random_bits
from toto.model.backbone import TotoBackbone, TotoOutput
from toto.model.cache import KVCache
from toto.model.groups import visible_variates
from toto.model.row_cache import Cache, CachedRows
from toto.model.scaler import Scale, ScalingState

Values = Float[Tensor, "batch variates branches steps"]


class Window(NamedTuple):
    """Values in units, which of them are real, and their statistics, per step: what patches are cut from."""

    values: Values
    observed: Bool[Tensor, "batch variates branches steps"]
    statistics: Scale

    def last(self, num_steps: int) -> "Window":
        """Its last `num_steps` steps."""
        first = self.values.shape[-1] - num_steps
        return self.each(lambda t: t[..., first:])

    def followed_by(self, later: "Window") -> "Window":
        """The window with later steps behind it."""
        loc, scale = (torch.cat(pair, -1) for pair in zip(self.statistics, later.statistics, strict=True))
        return Window(
            torch.cat([self.values, later.values], -1),
            torch.cat([self.observed, later.observed], -1),
            Scale(loc, scale),
        )

    def fan_out(self, num_branches: int) -> "Window":
        """The same for every branch, as views."""
        return self.each(lambda t: t.expand(-1, -1, num_branches, -1))

    def each(self, change: Callable[[Tensor], Tensor]) -> "Window":
        """The window with every tensor changed."""
        return Window(change(self.values), change(self.observed), Scale(*map(change, self.statistics)))


@dataclasses.dataclass(frozen=True)
class DecodingState:
    """All that decoding must remember of the steps so far.

    hidden: the transformer's output at the newest token, from which the next patch is predicted.
    window: the last patch; the part that the next patch overlaps, and the map out of scaled space.
    visible: which variates see each other from here on (None: all).
    """

    cache: Cache
    scaling: ScalingState
    window: Window
    hidden: Float[Tensor, "batch variates branches embed_dim"]
    visible: Bool[Tensor, "batch 1 variates variates"] | None

    def fan_out(self, num_branches: int, capacity: int) -> "DecodingState":
        """The same state for many branches, each with room for `capacity` further tokens; nothing is copied.

        `hidden` stays one: until they diverge, all branches have the same prediction.
        """
        return dataclasses.replace(
            self,
            cache=self.cache.fan_out(capacity),
            scaling=self.scaling.fan_out(num_branches),
            window=self.window.fan_out(num_branches),
        )


class Extended(NamedTuple):
    """What appending patches gives: the state after them, and what each of them alone makes known.

    hidden: the output of the transformer at every new token, or at the newest alone.
    statistics: per step of the new patches, all that they cover.
    """

    state: DecodingState
    hidden: Float[Tensor, "batch variates branches tokens embed_dim"]
    statistics: Scale


class Decoded(NamedTuple):
    """Values of the horizon in units, and how many of them were extreme and are 0 instead."""

    values: Values
    num_replaced: Int[Tensor, ""]


Step = Callable[[TotoOutput, int], Values]
Advance = Callable[[DecodingState, Values], DecodingState]
Words = Callable[[int, Tensor, Tensor, Tensor, Tensor], Tensor]  # `random_bits`, or one like it


def begin(
    backbone: TotoBackbone,
    context: Context,
    context_length: int | None = None,
    rows: CachedRows | None = None,
) -> DecodingState:
    """Encode a context, once.

    `context_length` says from how many of its first steps global statistics are taken (None: all), `rows`
    where keys and values are to be kept (None: in a cache of their own).
    """
    statistics, scaling = backbone.scaler.begin(context.series, context.observed, context_length)
    one_branch = Window(context.series, context.observed, statistics).each(lambda t: t[:, :, None])
    groups = backbone.patch_groups(context.group_ids)
    visible = visible_variates(groups[..., -1:])
    x = backbone.embed(*one_branch)
    if backbone.num_prepended_tokens:
        x, groups = backbone.prepend_labels(x, groups, context.num_exogenous_variables)
    cache = KVCache(x.shape[3]) if rows is None else rows
    hidden = backbone.transformer(x, visible_variates(groups), cache, newest_only=True)[..., 0, :]
    return DecodingState(
        cache, scaling.with_branch_axis(), one_branch.last(backbone.config.patch_size), hidden, visible
    )


def predict(backbone: TotoBackbone, state: DecodingState, num_steps: int) -> TotoOutput:
    """The distribution of the next `num_steps` steps, at most a patch, and the map to units."""
    loc, scale = (backbone.per_patch(s)[..., -1, :] for s in state.window.statistics)
    if loc.shape[-1] > 1:
        loc, scale = loc[..., :num_steps], scale[..., :num_steps]
    return TotoOutput(backbone.predict(state.hidden, num_steps), loc, scale)


def advance(backbone: TotoBackbone, state: DecodingState, values: Values) -> DecodingState:
    """Append one patch of values to every branch: its tokens alone run through the layers."""
    observed = torch.ones_like(values, dtype=torch.bool)
    return extend(backbone, state, values, observed, newest_only=True).state


def extend(
    backbone: TotoBackbone,
    state: DecodingState,
    values: Values,
    observed: Bool[Tensor, "batch variates branches steps"],
    newest_only: bool = False,
) -> Extended:
    """Append steps that fill whole patches, 0 where they are not observed; `newest_only` as in the layers."""
    statistics, scaling = backbone.scaler.advance(state.scaling, values, observed)
    overlap = backbone.config.patch_size - backbone.config.stride
    window = state.window.last(overlap).followed_by(Window(values, observed, statistics))
    visible = _repeat(state.visible, values, backbone)
    hidden = backbone.transformer(backbone.embed(*window), visible, state.cache, newest_only)
    newest = dataclasses.replace(
        state, scaling=scaling, window=window.last(backbone.config.patch_size), hidden=hidden[..., -1, :]
    )
    return Extended(newest, hidden, window.statistics)


def decode(
    backbone: TotoBackbone,
    state: DecodingState,
    horizon: int,
    step: Step,
    go_on: Advance,
    known_future: Float[Tensor, "batch exogenous horizon"] | None = None,
    after_patch: Callable[[], None] = lambda: None,
) -> Decoded:
    """The next `horizon` steps of every branch, in units.

    The last variates are overwritten with `known_future`, and extreme values become 0, before
    `go_on` (`advance`, or its stand-in without a cache) feeds them back.
    """
    patches: list[Decoded] = []
    patch_size = backbone.config.patch_size
    for start in range(0, horizon, patch_size):
        if start:
            state = go_on(state, patches[-1].values)
        steps = slice(start, min(start + patch_size, horizon))
        known = None if known_future is None else known_future[..., steps]
        patches.append(_next_patch(backbone, state, steps, step, known))
        after_patch()
    values, num_replaced = zip(*patches, strict=True)
    return Decoded(torch.cat(values, dim=-1), torch.stack(num_replaced).sum())


def _next_patch(
    backbone: TotoBackbone,
    state: DecodingState,
    steps: slice,
    step: Step,
    known: Float[Tensor, "batch exogenous steps"] | None,
) -> Decoded:
    """The values of some steps; the prediction, which is large, is gone before they are fed back."""
    prediction = predict(backbone, state, steps.stop - steps.start)
    values = step(prediction, steps.start).to(state.window.values.dtype)
    if known is not None:
        values = _overwrite(values, known)
    return Decoded(replace_extreme_values(values), is_extreme_value(values).sum())


class Recompute:
    """Stands in for `advance`: encodes context and all appended values anew, without a cache.

    The definition that the cached path is held to; slow, and it copies the context per branch.
    """

    def __init__(self, backbone: TotoBackbone, context: Context) -> None:
        self.backbone = backbone
        self.context = context
        self.appended: list[Tensor] = []

    def __call__(self, state: DecodingState, values: Values) -> DecodingState:
        """The state after one more patch; branches are batch elements while it is computed."""
        self.appended.append(values)
        new = torch.cat(self.appended, dim=-1)
        batch, _, branches, num_new = new.shape
        series, observed, ids, exogenous = self.context

        def per_branch(t: Tensor) -> Tensor:
            return t[:, None].expand(-1, branches, -1, -1).flatten(0, 1)

        extended = Context(
            torch.cat([per_branch(series), new.transpose(1, 2).flatten(0, 1)], dim=-1),
            torch.nn.functional.pad(per_branch(observed), (0, num_new), value=True),
            torch.cat([per_branch(ids), per_branch(ids[..., -1:]).expand(-1, -1, num_new)], dim=-1),
            exogenous,
        )
        anew = begin(self.backbone, extended, context_length=series.shape[-1])

        def back(t: Tensor) -> Tensor:  # [batch * branches, variates, 1, x] -> [batch, variates, branches, x]
            return t[:, :, 0].unflatten(0, (batch, branches)).transpose(1, 2)

        return dataclasses.replace(state, window=anew.window.each(back), hidden=back(anew.hidden))


def take_mean(prediction: TotoOutput, start: int) -> Values:
    """The mean of every step: one path, fed back as if it were observed."""
    return prediction.loc + prediction.scale * prediction.distribution.mean


@dataclasses.dataclass(frozen=True)
class Randomness:
    """The random words of some sample paths of some series.

    It is a function of the seed, the id of a series, the place of its variate, its sample path and its step:
    neither batch neighbours nor chunks change it. `words` is that function: `random_bits`, or `sobol_bits`,
    whose paths cover the distribution more evenly.
    """

    seed: int
    series_ids: Int[Tensor, " batch"]
    sample_ids: Int[Tensor, " branches"]
    words: Words = random_bits

    def of_steps(
        self, start: int, num_steps: int, num_variates: int
    ) -> Int[Tensor, "batch variates branches steps words"]:
        """At least three words in [0, 2**32) for every value of the steps from `start` on."""
        device = self.sample_ids.device
        return self.words(
            self.seed,
            self.series_ids[:, None, None, None],
            torch.arange(num_variates, device=device)[:, None, None],
            self.sample_ids[:, None],
            torch.arange(start, start + num_steps, device=device),
        )


class Draw:
    """One draw of every step for each sample path, as the model draws them: each step by itself."""

    def __init__(self, randomness: Randomness) -> None:
        self.randomness = randomness

    def __call__(self, prediction: TotoOutput, start: int) -> Values:
        """Values of the steps from `start` on."""
        _, num_variates, _, num_steps = prediction.distribution.batch_shape
        bits = self.randomness.of_steps(start, num_steps, num_variates)
        drawn = prediction.distribution.expand(bits.shape[:-1]).from_bits(bits[..., :3])
        return prediction.loc + prediction.scale * drawn


def _repeat(visible: Tensor | None, values: Tensor, backbone: TotoBackbone) -> Tensor | None:
    """The groups of the last patch, for every new token."""
    if visible is None:
        return None
    return visible.expand(-1, values.shape[-1] // backbone.config.stride, -1, -1)


def _overwrite(values: Values, known: Float[Tensor, "batch exogenous steps"]) -> Values:
    """`values` with its last variates replaced in every branch."""
    targets = values[:, : values.shape[1] - known.shape[1]]
    known = known[:, :, None].expand(-1, -1, values.shape[2], -1)
    return torch.cat([targets, known.to(values.dtype)], dim=1)
