"""Windows of series to train on, drawn on the fly: the same seed and step always give the same batch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from toto.data.regular_series import RegularSeries
from toto.inference.pipeline.reading import Reading


class WindowBatch(NamedTuple):
    """Windows of one shape: a context, and the patches that are to be forecast from it.

    series: targets, then covariates as the model reads them; 0 where not observed.
    observed: True where a value is real.
    weight: how much each step counts as a target; 0 for covariates, behind the horizon, and for what is
        missing, also where the model reads it interpolated.
    context: steps before the forecast.
    """

    series: Float[Tensor, "batch variates time"]
    observed: Bool[Tensor, "batch variates time"]
    weight: Float[Tensor, "batch variates time"]
    context: int
    num_exogenous: int


class Windows:
    """Windows around origins, the first steps that are forecast; all of them are equally likely.

    Args:
        series: with known covariates up to their ends.
        ends: of each the step before which all targets lie; where none of them has a value, no window does.
        reading: what the model reads: `reading.context` steps before an origin, `reading.horizon` behind it.
        min_history: steps before the first origin of a series.
        horizon_share: the share of the loss that the horizon has; the context has the rest.
        dtype: of the values; float32 would round large ones.
    """

    def __init__(
        self,
        series: Sequence[RegularSeries],
        ends: Sequence[int],
        reading: Reading,
        *,
        min_history: int,
        batch_size: int,
        horizon_share: float,
        seed: int,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self.series, self.reading, self.dtype = series, reading, dtype
        self.batch_size, self.horizon_share, self.seed = batch_size, horizon_share, seed
        self._first = min_history
        counts = [
            max(0, end - reading.horizon - min_history + 1) if np.isfinite(one.values[:, :end]).any() else 0
            for one, end in zip(series, ends, strict=True)
        ]
        self._shapes = _by_shape(series, counts, reading)
        self.num_windows = sum(counts)

    def batch(self, number: int) -> WindowBatch:
        """A batch by its number."""
        rng = np.random.default_rng([self.seed, number])
        totals = np.array([shape.starts[-1] for shape in self._shapes])
        shape = self._shapes[int(rng.choice(len(totals), p=totals / totals.sum()))]
        drawn = rng.integers(shape.starts[-1], size=self.batch_size)
        rows = np.searchsorted(shape.starts, drawn, side="right") - 1
        origins = drawn - shape.starts[rows] + self._first
        windows, wanted = zip(
            *(
                self.window(self.series[shape.places[row]], origin)
                for row, origin in zip(rows.tolist(), origins.tolist(), strict=True)
            ),
            strict=True,
        )
        values = torch.from_numpy(np.stack(windows)).to(self.dtype)
        observed = values.isfinite()
        weight = self._weight(shape) * torch.from_numpy(np.stack(wanted))
        return WindowBatch(
            torch.where(observed, values, 0.0), observed, weight, self._context, shape.num_exogenous
        )

    def window(
        self, one: RegularSeries, origin: int
    ) -> tuple[Float[np.ndarray, "variates time"], Bool[np.ndarray, "variates time"]]:
        """What the model reads for a forecast from step `origin`, then what is to be forecast; NaN: missing.

        The second array is True for the real values of targets.
        """
        reading = self.reading
        part, whole = one.until(origin, reading.horizon), one.values[:, : origin + reading.horizon]
        exogenous = reading.exogenous(part)
        seen = reading.seen(part)  # with past covariates, if these are variates like the targets
        ahead = np.full((len(seen), reading.horizon), np.nan)
        ahead[: len(whole)] = whole[:, origin:]
        variates = np.concatenate([seen, ahead], axis=1)
        wanted = np.zeros((len(variates) + len(exogenous), variates.shape[1]), bool)
        wanted[: len(whole)] = np.isfinite(whole[:, -variates.shape[1] :])
        before = self._context - reading.num_steps(part)
        behind = self._steps - self._context - reading.horizon
        sides = ((0, 0), (before, behind))
        rows = np.concatenate([variates, exogenous])
        return np.pad(rows, sides, constant_values=np.nan), np.pad(wanted, sides)

    @property
    def _context(self) -> int:
        """Steps of a window before the forecast, whole patches."""
        longest = max(one.values.shape[1] for one in self.series)
        steps = min(self.reading.context, longest)
        return steps + -steps % self.reading.patch_size

    @property
    def _steps(self) -> int:
        """Steps of a window, whole patches."""
        return self._context + self.reading.horizon + -self.reading.horizon % self.reading.patch_size

    def _weight(self, shape: "_Shape") -> Float[Tensor, "1 variates time"]:
        weight = torch.zeros(1, shape.num_rows, self._steps)
        context, horizon = self._context, self.reading.horizon
        targets = weight[:, : shape.num_targets]
        targets[..., :context] = (1 - self.horizon_share) / context
        targets[..., context : context + horizon] = self.horizon_share / horizon
        return weight


class _Shape(NamedTuple):
    """Series with equally many targets and covariates.

    starts: the number of windows in the series before each, and in all.
    num_rows: of a window; targets come first, exogenous covariates last.
    """

    places: list[int]
    starts: Int[np.ndarray, " series_and_one"]
    num_targets: int
    num_exogenous: int
    num_rows: int


def _by_shape(series: Sequence[RegularSeries], counts: Sequence[int], reading: Reading) -> list[_Shape]:
    """The series that have windows, those of one shape together."""
    found: dict[Any, list[int]] = {}
    for place, (one, count) in enumerate(zip(series, counts, strict=True)):
        if count:
            shape = (len(one.values), reading.num_exogenous(one), reading.num_rows(one))
            found.setdefault(shape, []).append(place)
    return [
        _Shape(places, np.cumsum([0, *(counts[place] for place in places)]), *shape)
        for shape, places in found.items()
    ]
