"""Scores of streams as a detector takes them: of steps that arrive, and of the past that it learns from."""

from collections.abc import Hashable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

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


def scores_of_each(scores: StreamScores, coverage: float) -> dict[Hashable, Scores]:
    """The scores of every stream as those of a history, [1, variates, steps].

    coverage: of the interval between `Scores.low` and `Scores.high`.
    """
    low, median, high = scores.distribution.quantile([(1 - coverage) / 2, 0.5, (1 + coverage) / 2])
    computed = (scores.values, scores.log_prob, scores.surprise, scores.lower_tail, scores.upper_tail)
    of_all = Scores(*computed, low, median, high, scores.steps_ahead.amax(0), coverage).cpu()
    return {key: of_all.each(partial(_row, row)) for row, key in enumerate(scores.ids)}


def with_values(scores: Scores, values: Values) -> Scores:
    """The scores of a stream, with the values that it got: what is huge the model was not shown."""
    return replace(scores, values=torch.from_numpy(values)[None])


def _of_part(
    model: Any, histories: Mapping[Any, Values], max_context: int, coverage: float
) -> dict[Hashable, Scores]:
    patch_size = forecaster_of(model).model.config.patch_size
    first = {key: _num_context(values, patch_size) for key, values in histories.items()}
    again = StreamGroup(model, max_context=max_context, one_step_ahead=True)
    shown = {key: as_seen(values) for key, values in histories.items()}
    again.add({key: values[:, : first[key]] for key, values in shown.items()})
    rest = {key: values[:, first[key] :] for key, values in shown.items()}
    longest = max(values.shape[1] for values in rest.values())
    at_once = max(1, _AT_ONCE // sum(len(values) for values in rest.values()))
    pieces = []
    for begin in range(0, max(1, longest), at_once):
        arrived = {key: values[:, begin : begin + at_once] for key, values in rest.items()}
        pieces.append(scores_of_each(again.append(arrived), coverage))
    found = {}
    for key, values in histories.items():
        scores = _joined([piece[key] for piece in pieces]).steps(slice(values.shape[1] - first[key]))
        found[key] = with_values(scores, values[:, first[key] :])
    return found


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


def _row(row: int, t: Tensor) -> Tensor:
    return t[row : row + 1]
