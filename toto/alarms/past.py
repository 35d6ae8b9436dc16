"""Scores of streams as a detector takes them: of steps that arrive, and of the past that it learns from."""

from collections.abc import Hashable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from toto.anomaly.calibration import as_seen
from toto.anomaly.scores import Scores
from toto.inference.models import forecaster_of
from toto.streaming.group import StreamGroup
from toto.streaming.scores import StreamScores

_CALIBRATED_ON = 4096  # newest steps of a history
_AT_ONCE = 2**17  # values that are scored at once: each takes a kilobyte

Values = Float[np.ndarray, "variates _steps"]


def past_scores(
    model: Any, histories: Mapping[Any, Values], max_context: int, coverage: float
) -> dict[Hashable, Scores]:
    """The scores of every history, each step by those before it, as the steps to come will be scored.

    They are those of the newest 4096 steps behind the first quarter of these, which only gives context.

    Args:
        model: as for `StreamGroup`.
        histories: in the units of the model.
        max_context: see `StreamGroup`.
        coverage: of the interval between `Scores.low` and `Scores.high`.
    """
    found: dict[Hashable, Scores] = {}
    part: dict[Hashable, Values] = {}
    for key, values in histories.items():
        part[key] = values[:, -_CALIBRATED_ON:]
        if sum(map(np.size, part.values())) >= _AT_ONCE:
            found |= _of_part(model, part, max_context, coverage)
            part = {}
    return found | (_of_part(model, part, max_context, coverage) if part else {})


def scores_of_each(
    scores: StreamScores, values: Mapping[Any, Values], coverage: float
) -> dict[Hashable, Scores]:
    """The scores of every stream as those of a history, [1, variates, steps].

    Args:
        scores: of the streams, which were not shown all that is huge.
        values: the steps that each got, by key in their order, in the units of the model.
        coverage: of the interval between `Scores.low` and `Scores.high`.
    """
    true_values = torch.full_like(scores.values, torch.nan)
    for row, of_stream in zip(true_values, values.values(), strict=True):
        row[:, : of_stream.shape[1]] = torch.from_numpy(of_stream)
    judged = replace(scores, values=true_values)
    low, median, high = scores.distribution.quantile([(1 - coverage) / 2, 0.5, (1 + coverage) / 2])
    computed = (true_values, judged.log_prob, judged.surprise, judged.lower_tail, judged.upper_tail)
    of_all = Scores(*computed, low, median, high, scores.steps_ahead.amax(0), coverage).cpu()
    return {
        key: of_all.row(row).steps(slice(of_stream.shape[1]))
        for row, (key, of_stream) in enumerate(values.items())
    }


def _of_part(
    model: Any, histories: Mapping[Any, Values], max_context: int, coverage: float
) -> dict[Hashable, Scores]:
    patch_size = forecaster_of(model).model.config.patch_size
    first = {key: _num_context(values, patch_size) for key, values in histories.items()}
    again = StreamGroup(model, max_context=max_context, one_step_ahead=True)
    shown = {key: as_seen(values) for key, values in histories.items()}
    again.add({key: values[:, : first[key]] for key, values in shown.items()})
    longest = max(values.shape[1] - first[key] for key, values in histories.items())
    at_once = max(1, _AT_ONCE // sum(map(len, histories.values())))
    pieces = []
    for begin in range(0, max(1, longest), at_once):
        steps = {key: slice(start + begin, start + begin + at_once) for key, start in first.items()}
        scores = again.append({key: shown[key][:, part] for key, part in steps.items()})
        arrived = {key: histories[key][:, part] for key, part in steps.items()}
        pieces.append(scores_of_each(scores, arrived, coverage))
    return {key: _joined([piece[key] for piece in pieces]) for key in histories}


def _num_context(values: Values, patch_size: int) -> int:
    """Steps that are not scored: a patch, a quarter, and all before the first value."""
    num_steps = values.shape[1]
    known = int(np.isfinite(values).any(0).argmax()) + 1
    return min(num_steps, max(patch_size, num_steps // 4, known))


def _joined(pieces: list[Scores]) -> Scores:
    """One behind the other."""
    joined: dict[str, Any] = {
        f.name: torch.cat([getattr(piece, f.name) for piece in pieces], -1) for f in fields(Scores)[:-1]
    }
    return replace(pieces[0], **joined)
