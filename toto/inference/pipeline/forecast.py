"""The result of a pipeline: forecasts of many series with their names, time stamps and history."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from toto.data.forecast_frame import FrameKind, forecast_frame
from toto.data.regular_series import RegularSeries
from toto.errors import InputError
from toto.inference.arguments import flag, one_of, whole_number
from toto.inference.forecast_distribution import quantile_levels
from toto.inference.pipeline.rows import Rows, SampledRows

if TYPE_CHECKING:
    from toto.inference.plot import Figure

logger = logging.getLogger(__name__)

_AGGREGATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda paths: paths.sum(-1),
    "mean": lambda paths: paths.mean(-1),
    "max": lambda paths: paths.amax(-1),
    "min": lambda paths: paths.amin(-1),
}


@dataclass(frozen=True, eq=False, repr=False)
class PipelineForecast:
    """Forecasts of all variates of all series, in units.

    A row is a variate of a series, in the order of the data. The axes `rows` are those of the data before
    time: none for one series in an array, [variates], [batch, variates]; for a frame or a list one axis.

    series: what was forecast: names, time grid and history.
    levels: of the quantiles that `to_frame` and `plot` show.
    """

    series: Sequence[RegularSeries]
    levels: tuple[float, ...]
    shape: tuple[int, ...]
    kind: FrameKind
    rows: Rows

    @property
    def labels(self) -> list[str]:
        """The name of every row."""
        return [label for one in self.series for label in one.labels]

    @property
    def ids(self) -> list[Any]:
        """The series id of every row of a long frame; of other data the labels."""
        return [name for one in self.series for name in (one.ids or one.labels)]

    @property
    def horizon(self) -> int:
        """Steps that were forecast."""
        return self.rows.mean.shape[-1]

    @property
    def timestamps(self) -> Shaped[np.ndarray, "*rows horizon"]:
        """The time of every step, as a clock in the time zone of the series shows it; or its number."""
        times = [one.future_times(self.horizon) for one in self.series for _ in one.variates]
        return np.stack(times).reshape(*self.shape, self.horizon)

    @property
    def mean(self) -> Float[Tensor, "*rows horizon"]:
        """The mean of every step."""
        return self._shaped(self.rows.mean)

    @property
    def median(self) -> Float[Tensor, "*rows horizon"]:
        """The median of every step."""
        return self.quantile(0.5)

    @property
    def samples(self) -> Float[Tensor, "*rows horizon samples"]:
        """Sample paths.

        Raises:
            InputError: they were not kept, or the model predicts quantiles and draws none.
        """
        return self._shaped(self.rows.samples)

    def quantile(self, q: Any) -> Float[Tensor, "..."]:
        """Quantiles of every step, from the distributions that the paths are drawn from.

        A model that predicts quantiles has its own levels (0.1 to 0.9): between them they are interpolated.

        Args:
            q: one level, or a list, array or tensor [levels] of them, each from 0 to 1.

        Returns:
            [*rows, horizon] for one level, else [levels, *rows, horizon].

        Raises:
            InputError: a level outside 0 to 1, or outside those that a model of quantiles predicts; or one
                that was not asked of a forecast so large that its distributions were not kept.
        """
        levels = quantile_levels(q)
        found = [self._shaped(self.rows.quantile(level)) for level in levels.reshape(-1).tolist()]
        if levels.ndim == 0:
            return found[0]
        return torch.stack(found) if found else self.mean.new_empty(0, *self.mean.shape)

    def probability(self, event: Callable[[Tensor], Tensor]) -> Float[Tensor, "..."]:
        """How probable an event is that depends on several steps: the share of paths in which it happens.

        For example `forecast.probability(lambda paths: paths.sum(-1) > 1000)`, a probability for every row.
        The standard error is up to 0.09 with 32 paths and up to 0.03 with 256.

        Make the forecast with `joint_draws=True`: then steps, and rows that see each other, go together as
        the errors of the context did. Else what depends on several of them is biased: see `aggregate`.

        Args:
            event: called with the paths [*rows, samples, horizon]; returns True or False for each path, as
                [..., samples]. Paths of one number belong together where series see each other.

        Raises:
            InputError: no function, one that returns something else, or samples were not kept.
        """
        if not callable(event):
            raise InputError(f"event must be a function that is called with the paths, got {event!r}")
        paths = self._paths
        happens = event(paths)
        fits = isinstance(happens, Tensor) and happens.dtype is torch.bool and happens.ndim > 0
        if not fits or happens.shape[-1] != paths.shape[-2]:
            got = f"{happens.dtype} {list(happens.shape)}" if isinstance(happens, Tensor) else repr(happens)
            raise InputError(
                f"event must return True or False for each of {paths.shape[-2]} paths, [..., samples], "
                f"got {got}"
            )
        return happens.double().mean(-1)

    def time_to_threshold(self, threshold: Any, *, below: bool = False) -> Float[Tensor, "*rows samples"]:
        """After how many steps each path first is at or above a threshold (below=True: at or below it).

        1 is the first step of the forecast; infinity where the threshold is not reached. So
        `.quantile(0.1, dim=-1, interpolation="lower")` is a time within which it happens with 10 %.

        Make the forecast with `joint_draws=True`: else paths cross thresholds away from the median too early
        and too often.

        Args:
            threshold: a number, or one for each row: [*rows].
            below: the other direction.

        Raises:
            InputError: no numbers, a shape that does not fit, or samples were not kept.
        """
        paths, downwards = self._paths, flag("below", below)
        try:
            limit = torch.as_tensor(threshold, dtype=paths.dtype)
        except (TypeError, ValueError, RuntimeError):
            raise InputError(
                f"threshold must be a number or one for each row {list(self.shape)}, got {threshold!r}"
            ) from None
        if limit.shape not in ((), self.shape):
            raise InputError(
                f"threshold must be a number or one for each row {list(self.shape)}, "
                f"got shape {list(limit.shape)}"
            )
        limit = limit[..., None, None]
        reached = (paths <= limit) if downwards else (paths >= limit)
        first = reached.int().argmax(-1) + 1.0
        return torch.where(reached.any(-1), first, torch.inf).to(paths.dtype)

    def aggregate(self, how: str) -> Float[Tensor, "*rows samples"]:
        """The sum, mean, max or min over the horizon in each path; `.quantile(0.9, dim=-1)` of it, and so on.

        Make the forecast with `joint_draws=True`: 80 % intervals of the sum of 64 steps then held 78 to 80 %
        of what happened, those of the maximum 80 to 83 %. Else they held 20 to 26 and 30 to 42 %: sums and
        means are spread some four times too little, maxima are too high and minima too low.

        Raises:
            InputError: another name, or samples were not kept.
        """
        return _AGGREGATES[one_of("how", how, list(_AGGREGATES))](self._paths)

    def to_frame(self, levels: Any = None) -> Any:
        """One row per variate and step, in a frame of the kind that was given (of arrays: of pandas).

        Columns: id and time under their own names (and `target` if there are several; of a wide frame time
        and `variate`), `mean`, `median`, and a quantile for each level, named `0.1`.

        Args:
            levels: of the quantiles, one or several (None: `levels` of the forecast).

        Raises:
            InputError: no level, one that is not there, or a column of the data with one of these names.
        """
        shown = self.levels if levels is None else checked_levels("levels", levels)
        columns = {"mean": self.rows.mean, "median": self.rows.quantile(0.5)}
        columns |= {f"{level:.10g}": self.rows.quantile(level) for level in shown}
        return forecast_frame(self.series, {name: t.numpy() for name, t in columns.items()}, self.kind)

    def plot(self, *, history_steps: SupportsIndex | None = None, title: str | None = None) -> "Figure":
        """Draw history, median and bands of every row, in a grid of at most 24 panels.

        Args:
            history_steps: how much of the end of the history is drawn (None: three horizons).
            title: of the figure.

        Raises:
            InputError: `history_steps` that are no whole number of at least 0.
            MissingExtraError: matplotlib is not installed.
        """
        from toto.inference.pipeline.plot import plot_rows

        steps = None if history_steps is None else whole_number(history_steps)
        if history_steps is not None and (steps is None or steps < 0):
            raise InputError(f"history_steps must be a whole number of at least 0, got {history_steps!r}")
        return plot_rows(self, steps, title)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows.mean)

    def __repr__(self) -> str:
        """Shapes, not numbers."""
        return f"PipelineForecast({len(self)} rows, horizon {self.horizon}, {self.rows.described})"

    @property
    def _paths(self) -> Float[Tensor, "*rows samples horizon"]:
        paths = self.samples.movedim(-1, -2)
        if isinstance(self.rows, SampledRows) and not self.rows.joint and self.horizon > 1:
            logger.warning(
                "steps of these paths were drawn each by itself, so that sums are spread far too little and "
                "peaks are too high: pass joint_draws=True to forecast for questions about whole paths"
            )
        return paths

    def _shaped(self, values: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
        return values.reshape(*self.shape, *values.shape[1:])


def checked_levels(name: str, levels: Any) -> tuple[float, ...]:
    """One quantile level or several, in the order given.

    Raises:
        InputError: a level outside 0 to 1, or nothing that is a level; the message names the argument.
    """
    try:
        return tuple(quantile_levels(levels).reshape(-1).tolist())
    except InputError:
        raise InputError(f"{name} must be levels from 0 to 1, got {levels!r}") from None
