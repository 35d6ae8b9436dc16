"""The work behind live series: what is encoded, when and with whom, and what a step is scored by."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from toto.inference.context import Context
from toto.inference.memory.budget import tokens_at_once
from toto.inference.memory.recovery import equal_part
from toto.kernels import accumulation_dtype
from toto.streaming.encoder import Encoder
from toto.streaming.member import Member
from toto.streaming.patch_grid import PatchGrid
from toto.streaming.prediction import Prediction
from toto.streaming.record import Values
from toto.streaming.slots import Slots

Item = TypeVar("Item", bound="Member | _Arrival")


class Predicted(NamedTuple):
    """What was predicted of appended steps, and how many steps ahead of the last value that it knew."""

    prediction: Prediction
    steps_ahead: Int[Tensor, "streams steps"]


class _Arrival(NamedTuple):
    """A stream that goes on: its place in the call, new steps, and those it had after its newest patch."""

    place: int
    member: Member
    num_steps: int
    pending: int


class Engine:
    """Encodes streams of one shape, each at its own pace and as many at once as are fast."""

    def __init__(
        self,
        encoder: Encoder,
        grid: PatchGrid,
        num_exogenous_variables: int,
        one_step_ahead: bool,
    ) -> None:
        self.encoder = encoder
        self.grid = grid
        self.num_exogenous_variables = num_exogenous_variables
        self.one_step_ahead = one_step_ahead

    @property
    def num_variates(self) -> int:
        """Of every stream, covariates included."""
        return self.encoder.num_variates

    def begin(self, members: Sequence[Member]) -> None:
        """Encode the patches of streams from their start on."""

        def lengths(member: Member) -> tuple[int, int]:
            return member.encoded - member.start, member.anchored - member.start

        for (num_steps, num_anchored), alike in _alike(members, lengths):
            for part in self._parts(alike, self.grid.num_patches(num_steps)):
                series, observed = self._tensors([m.record.between(m.start, m.encoded) for m in part])
                groups = self._groups(part)[..., None].expand(series.shape)
                context = Context(series, observed, groups, self.num_exogenous_variables)
                self.encoder.begin(_slots(part), context, num_anchored)

    def append(self, members: Sequence[Member], arrived: Sequence[Values]) -> Predicted:
        """Append steps, in pieces that every stream can take at once, and say what was predicted of them."""
        pieces, done, longest = [], 0, max(values.shape[1] for values in arrived)
        while done < longest:
            going_on = [m for m, values in zip(members, arrived, strict=True) if values.shape[1] > done]
            num_steps = min(longest - done, *map(self._steps_at_once, going_on))
            pieces.append(self._append_piece(members, [v[:, done : done + num_steps] for v in arrived]))
            done += num_steps
        if not pieces:
            nothing = self.encoder.prediction(_slots(members)).each(lambda t: t[:, :, :0])
            return Predicted(nothing, torch.zeros(len(members), 0, dtype=torch.long))
        prediction, steps_ahead = pieces[0]
        for piece in pieces[1:]:
            prediction = prediction.joined(piece.prediction, axis=2)
            steps_ahead = torch.cat([steps_ahead, piece.steps_ahead], 1)
        return Predicted(prediction, steps_ahead)

    def _steps_at_once(self, member: Member) -> int:
        if self.one_step_ahead:  # steps are looked at from the newest patch, up to the end of the next
            return self.grid.stride - member.pending
        return self.grid.steps_at_once(member)

    def _append_piece(self, members: Sequence[Member], arrived: Sequence[Values]) -> Predicted:
        arrivals = []
        for place, (member, values) in enumerate(zip(members, arrived, strict=True)):
            if values.shape[1]:
                arrivals.append(_Arrival(place, member, values.shape[1], member.pending))
                member.record.append(values)
        num_steps = max(arrival.num_steps for arrival in arrivals)
        look = self._one_step_ahead if self.one_step_ahead else self._patch_ahead
        found = []
        for num_patches, alike in _alike(arrivals, lambda arrival: self.grid.num_new(arrival.member)):
            tokens = max(1, num_patches, num_steps if self.one_step_ahead else 0)
            for part in self._parts(alike, tokens):
                found.append((part, look(part, num_patches, num_steps)))
        return _in_order(found, len(members))

    def _patch_ahead(self, part: Sequence[_Arrival], num_patches: int, num_steps: int) -> Predicted:
        """Encode new patches; a step is predicted by the newest patch before it."""
        runs = self.encoder.prediction(_slots(part)).each(lambda t: t[:, :, None])
        if num_patches:
            runs = runs.joined(self._encode(part, num_patches), axis=2)
        before = self._steps_before(part, num_steps)
        patches, places = before // self.grid.stride, before % self.grid.stride
        steps = runs.each(lambda t: t.flatten(2, 3)).steps(patches * self.grid.patch_size + places)
        return Predicted(steps, places + 1)

    def _one_step_ahead(self, part: Sequence[_Arrival], num_patches: int, num_steps: int) -> Predicted:
        """A step is predicted from all before it, by a patch that ends there; then encode what is full."""
        before = self._steps_before(part, num_steps)
        at_end = before == 0  # of the newest patch, whose own prediction needs no other
        prediction = self.encoder.prediction(_slots(part)).steps(torch.zeros_like(before))
        if not at_end.all():
            members, longest = [arrival.member for arrival in part], int(before.max())
            later = self._tensors([m.record.between(m.encoded, m.encoded + longest) for m in members])
            peeked = self.encoder.peek(_slots(part), self._groups(part), *later, before)
            prediction = prediction.where(at_end, peeked)
        if num_patches:
            self._encode(part, num_patches)
        return Predicted(prediction, torch.ones_like(before))

    def _encode(self, part: Sequence[_Arrival], num_patches: int) -> Prediction:
        """Encode new patches and return what they predict; -1: one, for which the older half goes."""
        members = [arrival.member for arrival in part]
        if num_patches < 0:
            for member in members:
                self.grid.drop_older_half(member)
            self.begin(members)
            return self.encoder.prediction(_slots(part)).each(lambda t: t[:, :, None])
        steps = num_patches * self.grid.stride
        new = self._tensors([m.record.between(m.encoded, m.encoded + steps) for m in members])
        prediction = self.encoder.extend(_slots(part), self._groups(part), *new)
        for member in members:
            member.encoded += steps
        return prediction

    def _steps_before(self, part: Sequence[_Arrival], num_steps: int) -> Int[Tensor, "streams steps"]:
        """How many steps stand between the newest encoded patch and each new step; the last go on behind."""
        pending = torch.tensor([arrival.pending for arrival in part])[:, None]
        last = torch.tensor([arrival.num_steps - 1 for arrival in part])[:, None]
        return (pending + torch.minimum(torch.arange(num_steps), last)).to(self.encoder.device)

    def _tensors(
        self, values: Sequence[Values]
    ) -> tuple[Float[Tensor, "streams variates steps"], Bool[Tensor, "streams variates steps"]]:
        """Values, 0 where missing, and where they are real."""
        device = self.encoder.device
        steps = torch.from_numpy(np.stack(values)).to(accumulation_dtype(device)).to(device)
        return steps.nan_to_num(nan=0.0), ~steps.isnan()

    def _groups(self, part: Sequence[Member | _Arrival]) -> Shaped[Tensor, "streams variates"]:
        return torch.stack([_member(item).group_ids for item in part]).to(self.encoder.device)

    def _parts(self, items: Sequence[Item], tokens: int) -> Iterator[Sequence[Item]]:
        """Streams to run at once, if so many tokens of every variate do."""
        most = tokens_at_once(self.encoder.device)
        size = equal_part(len(items), max(1, most // (tokens * self.num_variates)))
        for first in range(0, len(items), size):
            yield items[first : first + size]


def _member(item: Member | _Arrival) -> Member:
    return item.member if isinstance(item, _Arrival) else item


def _slots(part: Sequence[Member | _Arrival]) -> Slots:
    return torch.tensor([_member(item).slot for item in part])


def _alike(items: Sequence[Item], key: Callable[[Item], Any]) -> Iterator[tuple[Any, list[Item]]]:
    """Items of one key together, each kind in the order of their slots."""
    ordered = sorted(((key(item), _member(item).slot, item) for item in items), key=lambda found: found[:2])
    for value, alike in groupby(ordered, key=lambda found: found[0]):
        yield value, [item for *_, item in alike]


def _in_order(found: Sequence[tuple[Sequence[_Arrival], Predicted]], num_streams: int) -> Predicted:
    """The parts in the order of the call; of streams that got no step something to fill their place."""
    prediction, steps_ahead = found[0][1]
    whole = prediction.each(lambda t: t[:1].repeat_interleave(num_streams, 0))
    ahead = steps_ahead.new_zeros(num_streams, steps_ahead.shape[1])
    for part, predicted in found:
        places = torch.tensor([arrival.place for arrival in part], device=ahead.device)
        for held, new in zip(whole.tensors(), predicted.prediction.tensors(), strict=True):
            held[places] = new
        given = torch.tensor([arrival.num_steps for arrival in part], device=ahead.device)
        is_given = torch.arange(ahead.shape[1], device=ahead.device) < given[:, None]
        ahead[places] = torch.where(is_given, predicted.steps_ahead, 0)
    return Predicted(whole, ahead)
