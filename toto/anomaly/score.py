"""Scores of a whole history in one causal pass: how likely each step was, given the steps before it."""

from itertools import groupby
from typing import Any, SupportsIndex

import torch
from torch import Tensor

from toto.anomaly.inputs import open_coverage
from toto.anomaly.scores import Scores
from toto.anomaly.teachers import Teacher, teacher_of
from toto.anomaly.windows import Window, windows_of
from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import InputError
from toto.inference.arguments import count
from toto.inference.context import Context
from toto.inference.memory.budget import tokens_at_once
from toto.inference.memory.recovery import in_parts

_FIELDS = 7  # of `Scores` that are computed: from log_prob to high
_NEVER = 2**62  # steps ahead


def score(
    model: Any,
    series: Any,
    *,
    max_steps_ahead: SupportsIndex | None = None,
    context_length: SupportsIndex = 4096,
    coverage: float = 0.99,
    shown: Any = None,
) -> Scores:
    """How likely every step of a history was, given only the steps before it.

    The model predicts all steps behind every patch at once, so a single pass scores a history: step j of a
    patch (from 1) is predicted j steps ahead. Patches begin at the first step of the history; the first of
    them has no past and is not scored. With `max_steps_ahead` below the patch size the grid of patches is
    moved in further passes, so that no step is predicted from farther: with 1 every prediction is a fresh
    one, for the cost of as many passes as a patch has steps, and only the first step is not scored.

    Args:
        model: a `Toto` with a causal scaler, its backbone, a `Toto2Model`, or a forecaster of one. Of a model
            that predicts quantiles densities are those between its quantiles, and beyond them those of a
            stated model of the tails (`QuantileDistribution`).
        series: [time], [variates, time] or [batch, variates, time] in anything that
            `MaskedTimeseries.from_array` takes, or a `MaskedTimeseries`. Missing values are predicted, but
            have no score.
        max_steps_ahead: how far ahead a step may be predicted at most (None: the patch size, one pass).
        context_length: steps that a prediction sees at most; of a longer history at least half of them.
        coverage: of the interval between `Scores.low` and `Scores.high`.
        shown: the history that predictions are made from, if it is not `series` itself but has values that
            are huge cut off, say; of the same shape.

    Returns:
        Scores [batch, variates, time] of the variates that are no covariates.

    Raises:
        InputError: an argument that breaks a rule; the message names it.
    """
    teacher = teacher_of(model)
    ahead = teacher.stride if max_steps_ahead is None else count("max_steps_ahead", max_steps_ahead)
    at_most = count("context_length", context_length)
    if at_most < teacher.patch_size:
        raise InputError(
            f"context_length must be at least a patch of {teacher.patch_size} steps, got {at_most}"
        )
    within = open_coverage(coverage)
    judged = _context(teacher, series)
    context = judged if shown is None else _context(teacher, shown)
    if context.series.shape != judged.series.shape:
        raise InputError(
            f"shown must have the shape of series, {tuple(judged.series.shape)} as [batch, variates, time], "
            f"got {tuple(context.series.shape)}"
        )
    scoring = _Scoring(teacher, context, judged, min(ahead, teacher.stride), at_most, within)
    with teacher.at_work():
        return scoring.run()


def _context(teacher: Teacher, given: Any) -> Context:
    """A series as the model takes it, without padding."""
    inputs = given if isinstance(given, MaskedTimeseries) else MaskedTimeseries.from_array(given)
    context, num_steps = teacher.context(inputs), inputs.series.shape[-1]
    series, observed, ids = (t[..., t.shape[-1] - num_steps :] for t in context[:3])
    return Context(series, observed, ids, context.num_exogenous_variables)


def _shape(window: Window) -> tuple[int, ...]:
    return window[1:]


class _Scoring:
    """The scores of one batch, filled in window by window."""

    def __init__(
        self,
        teacher: Teacher,
        context: Context,
        judged: Context,
        ahead: int,
        context_length: int,
        coverage: float,
    ) -> None:
        self.teacher = teacher
        self.context = context
        self.ahead = ahead
        self.context_length = context_length
        self.coverage = coverage
        self.num_targets = context.series.shape[1] - context.num_exogenous_variables
        targets = judged.series[:, : self.num_targets]
        self.values = torch.where(judged.observed[:, : self.num_targets], targets, torch.nan)
        self.found = targets.new_full((_FIELDS, *targets.shape), torch.nan)
        self.steps_ahead = torch.full(targets.shape[-1:], _NEVER, device=targets.device)

    def run(self) -> Scores:
        """Every window; those of one shape together."""
        sizes = self.teacher
        num_series, num_variates, num_steps = self.context.series.shape
        windows = windows_of(num_steps, sizes.patch_size, sizes.stride, self.ahead, self.context_length)
        for _, group in groupby(sorted(windows, key=_shape), key=_shape):
            alike = list(group)
            rows = [(number, window) for window in alike for number in range(num_series)]
            tokens = num_variates * alike[0].num_tokens
            limit = tokens_at_once(self.teacher.device)

            def score_part(first: int, end: int, rows: list[tuple[int, Window]] = rows) -> None:
                self._score(rows[first:end])

            in_parts(len(rows), max(1, limit // tokens), "windows", score_part)
        log_prob, surprise, lower, upper, low, median, high = self.found
        ahead = torch.where(self.steps_ahead == _NEVER, 0, self.steps_ahead)
        return Scores(self.values, log_prob, surprise, lower, upper, low, median, high, ahead, self.coverage)

    def _score(self, rows: list[tuple[int, Window]]) -> None:
        """Windows of one shape, each with the number of its series."""
        shape = rows[0][1]
        num_steps = shape.num_steps(self.teacher.patch_size, self.teacher.stride)
        parts = (self._cut(number, window.first, num_steps) for number, window in rows)
        series, observed, group_ids = (torch.stack(tensors) for tensors in zip(*parts, strict=True))
        part = Context(series, observed, group_ids, self.context.num_exogenous_variables)
        steps = torch.stack([self._steps(window) for _, window in rows])
        inside = steps.clamp(max=self.values.shape[-1] - 1)
        values = torch.stack([self.values[number][:, i] for (number, _), i in zip(rows, inside, strict=True)])
        found = self.teacher.judge(part, values, shape.num_unused, self.coverage)
        ahead = torch.arange(1, shape.num_ahead + 1, device=steps.device).expand_as(steps[0])
        for row, (number, _) in enumerate(rows):
            fresher = (steps[row] < self.values.shape[-1]) & (ahead <= self.steps_ahead[inside[row]])
            self.found[:, number, :, steps[row][fresher]] = found[:, row][..., fresher]
            self.steps_ahead[steps[row][fresher]] = ahead[fresher]

    def _cut(self, number: int, first: int, num_steps: int) -> list[Tensor]:
        """A stretch of one series, with padding before its first step."""
        before, part = max(0, -first), slice(max(0, first), first + num_steps)
        series, observed, ids = (t[number, :, part] for t in self.context[:3])
        if not before:
            return [series, observed, ids]
        padding = ids[:, :1].expand(-1, before)
        series, observed = (torch.nn.functional.pad(t, (before, 0)) for t in (series, observed))
        return [series, observed, torch.cat([padding, ids], -1)]

    def _steps(self, window: Window) -> Tensor:
        """The step that each prediction of a window is for, [patches, num_ahead]."""
        device, stride = self.values.device, self.teacher.stride
        tokens = torch.arange(window.num_unused, window.num_tokens, device=device)
        behind = window.first + self.teacher.patch_size + tokens * stride
        return behind[:, None] + torch.arange(window.num_ahead, device=device)
