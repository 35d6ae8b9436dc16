"""Pictures of the forecasts of a pipeline."""

from typing import TYPE_CHECKING

import numpy as np

from toto.inference.pipeline.forecast import PipelineForecast
from toto.inference.plot import MAX_PANELS, Panel, plot_panels

if TYPE_CHECKING:
    from toto.inference.plot import Figure


def plot_rows(forecast: PipelineForecast, history_steps: int | None, title: str | None) -> "Figure":
    """History, median and bands of every row; see `PipelineForecast.plot`."""
    return plot_panels(row_panels(forecast, history_steps), title)


def row_panels(forecast: PipelineForecast, history_steps: int | None = None) -> list[Panel]:
    """A panel for each row, of the first rows that a picture has room for and one more."""
    horizon, panels = forecast.horizon, []
    steps = 3 * horizon if history_steps is None else history_steps
    places = [(one, variate) for one in forecast.series for variate in range(len(one.variates))]
    median = forecast.rows.quantile(0.5)
    bands = {
        round(high - low, 10): (forecast.rows.quantile(low), forecast.rows.quantile(high))
        for low, high in forecast.rows.bands
    }
    for row, (one, variate) in enumerate(places[: MAX_PANELS + 1]):
        num_past = one.values.shape[1]
        first = max(0, num_past - steps)
        panels.append(
            Panel(
                title=forecast.labels[row],
                future_times=one.future_times(horizon),
                line=median[row].double().numpy(),
                bands={
                    share: (low[row].double().numpy(), high[row].double().numpy())
                    for share, (low, high) in bands.items()
                },
                history_times=one.times(first),
                history=one.values[variate, first:].astype(np.float64),
            )
        )
    return panels
