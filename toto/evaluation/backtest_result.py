"""The result of a backtest: its forecasts, and the table, calibration and reports made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from toto.data.regular_series import RegularSeries
from toto.data.table import import_pandas
from toto.evaluation.backtest_scores import (
    SHOWN_COVERAGES,
    PitValues,
    Scores,
    WindowForecast,
    coverage,
    score_columns,
)
from toto.evaluation.record import Measurement, Settings

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Backtest:
    """The result of `backtest`.

    series: what was forecast; `labels` names all variates of all of them.
    measurement: the record of what was measured, with what.
    levels: of the quantiles in `forecasts`.
    forecasts: every window with its forecast, series by series.
    metrics: names of the scores in the table.
    seconds: spent on all windows: forecasts of the model and of seasonal naive, and where values fell.
    num_shared: windows whose history was encoded in a pass that other windows shared.
    """

    series: Sequence[RegularSeries]
    measurement: Measurement
    levels: tuple[float, ...]
    forecasts: Sequence[WindowForecast]
    metrics: tuple[str, ...]
    seconds: float
    num_shared: int

    @property
    def labels(self) -> list[str]:
        """The name of every row of the table but the last."""
        return [label for one in self.series for label in one.labels]

    @property
    def settings(self) -> Settings:
        """How the model was run; where every series has one variate, which nobody sees, univariate."""
        settings = self.measurement.settings
        alone = all(len(one.variates) == 1 for one in self.series)
        return replace(settings, grouping="univariate") if alone else settings

    @property
    def rows(self) -> Int[np.ndarray, " forecasts"]:
        """The row of each forecast of a variate, window by window."""
        first = np.cumsum([0, *(len(one.variates) for one in self.series)])
        places = [first[f.window.series_index] + np.arange(len(f.pit)) for f in self.forecasts]
        return np.concatenate(places)

    def pit(self, row: int | None = None) -> PitValues:
        """Where known actual values fell in their forecasts, of one row or of all; see `WindowForecast`."""
        values = np.concatenate([forecast.pit for forecast in self.forecasts])
        chosen = values if row is None else values[self.rows == row]
        return chosen[np.isfinite(chosen)]

    def to_frame(self) -> "pd.DataFrame":
        """The table: a row for every series (variate) and one called overall.

        Columns: `series`; each metric, that of seasonal naive, and their ratio (`mase`, `mase_naive`,
        `mase_relative`); and the share of actual values inside central intervals (`inside_50`, ...). Overall
        is the mean over the series, and of ratios the geometric mean.
        """
        pits = [self.pit(row) for row in range(len(self.labels))] + [self.pit()]
        inside = {
            f"inside_{100 * share:g}": [coverage(pit, share) for pit in pits] for share in SHOWN_COVERAGES
        }
        model = Scores(self.forecasts, self.levels, self.metrics)
        naive = Scores(self.forecasts, self.levels, self.metrics, naive=True)
        columns = score_columns(model, naive, self.rows)
        return import_pandas().DataFrame({"series": [*self.labels, "overall"], **columns, **inside})

    def plot(self) -> Any:
        """The report as one figure (matplotlib): table, calibration, the best, median and worst forecast."""
        from toto.evaluation.backtest_plot import plot_backtest

        return plot_backtest(self)

    def write_report(self, path: Path | str) -> None:
        """Write the report to a file: `.html` (one file that works offline), `.png`, `.svg` or `.pdf`.

        Raises:
            InputError: a name of another ending, or a folder that does not exist.
            MissingExtraError: matplotlib is not installed.
        """
        from toto.evaluation.backtest_report import write_report

        write_report(self, Path(path))

    def __str__(self) -> str:
        """The table as text, with what its columns mean."""
        from toto.evaluation.backtest_report import text_report

        return text_report(self)
