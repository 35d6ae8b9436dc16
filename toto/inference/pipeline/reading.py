"""What a model reads of a regular series, in forecasts and in training."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from toto.data.interpolation import interpolated
from toto.data.regular_series import RegularSeries


def a_patch_early(
    known: Float[np.ndarray, "known known_steps"], steps: Int[np.ndarray, " steps"], patch_size: int
) -> Float[np.ndarray, "known steps"]:
    """Known covariates as a model reads them at some steps: those of one patch later.

    So where it reads them it predicts the steps that they are about. Beyond what is known the last value
    stays.
    """
    return known[:, np.minimum(steps + patch_size, known.shape[1] - 1)]


@dataclass(frozen=True)
class Reading:
    """The last `context` steps of a series, and its known covariates over the horizon.

    patch_size: of the model.
    interpolate: fill gaps, or else leave it to the model what a missing value reads as.
    labelled: the model tells covariates from targets by labels; then past covariates are exogenous, with
        their last values over the horizon. For other models they are variates like the targets.
    """

    patch_size: int
    context: int
    horizon: int
    interpolate: bool = False
    labelled: bool = False

    def num_steps(self, one: RegularSeries) -> int:
        """The steps that are read before the horizon."""
        return min(self.context, one.values.shape[1])

    def num_exogenous(self, one: RegularSeries) -> int:
        """Rows of `exogenous`."""
        kinds = (one.past if self.labelled else None, one.static, one.known)
        return sum(len(some) for some in kinds if some is not None)

    def num_rows(self, one: RegularSeries) -> int:
        """Rows of `seen` and `exogenous`."""
        variates = 0 if one.past is None or self.labelled else len(one.past)
        return len(one.values) + variates + self.num_exogenous(one)

    def seen(self, one: RegularSeries) -> Float[np.ndarray, "variates steps"]:
        """Targets, then past covariates unless they are exogenous."""
        both = one.past is not None and not self.labelled
        values = np.concatenate([one.values, one.past]) if both else one.values  # type: ignore[list-item]
        return self._filled(values[:, -self.context :])

    def exogenous(self, one: RegularSeries) -> Float[np.ndarray, "exogenous steps_and_horizon"]:
        """What is not forecast, in the same steps and over the horizon: known covariates a patch early."""
        num_past = one.values.shape[1]
        steps = np.arange(num_past - self.num_steps(one), num_past + self.horizon)
        rows = [np.empty((0, len(steps)), one.values.dtype)]
        if self.labelled and one.past is not None:
            rows.append(self._held(one.past[:, steps[0] :]))
        if one.static is not None:
            rows.append(_waves(one.static, (steps - num_past) / self.patch_size))
        if one.known is not None:
            rows.append(self._filled(a_patch_early(one.known, steps, self.patch_size)))
        return np.concatenate(rows).astype(one.values.dtype, copy=False)

    def _held(self, past: Float[np.ndarray, "past steps"]) -> Float[np.ndarray, "past steps_and_horizon"]:
        """Past covariates, and over the horizon the last value of each, 0 where there is none."""
        last = [np.append(0.0, row[np.isfinite(row)])[-1] for row in past]
        ahead = np.tile(np.array(last)[:, None], self.horizon)
        return np.concatenate([self._filled(past), ahead], axis=1)

    def _filled(self, values: Float[np.ndarray, "variates time"]) -> Float[np.ndarray, "variates time"]:
        return interpolated(values) if self.interpolate else values


def _waves(
    static: Float[np.ndarray, " static"], patches: Float[np.ndarray, " steps"]
) -> Float[np.ndarray, "static steps"]:
    """Static values as the phase of a wave of one patch.

    The model subtracts the mean of every row and divides by its deviation: a constant reads as nothing, and
    the height of a wave as next to nothing.
    """
    phase = np.pi / 2 * np.tanh(np.nan_to_num(static))
    return np.cos(2 * np.pi * patches + phase[:, None])
