"""Forecast the last eight minutes of the host metrics, and compare with what happened.

python examples/forecast_host_metrics.py
"""

import csv
from pathlib import Path

import numpy as np

from toto import MaskedTimeseries, Toto, TotoForecaster

HORIZON = 96  # steps of 5 seconds

with (Path(__file__).parent / "host_metrics.csv").open() as file:
    rows = list(csv.DictReader(file))
names = [name for name in rows[0] if name != "time"]
values = np.array([[float(row[name] or "nan") for row in rows] for name in names])  # [variates, time]
history, actual = values[:, :-HORIZON], values[:, -HORIZON:]

forecaster = TotoForecaster(Toto.from_pretrained("toto-nano"))
forecast = forecaster.forecast(MaskedTimeseries.from_array(history), HORIZON, num_samples=256, seed=0)

median = forecast.median[0].numpy()
low, high = forecast.quantile([0.1, 0.9])[:, 0].numpy()
inside = (low <= actual) & (actual <= high)
print(f"{'variate':<20}{'mean':>10}{'forecast':>10}{'inside 80 %':>13}")
for i, name in enumerate(names):
    print(f"{name:<20}{actual[i].mean():>10.3g}{median[i].mean():>10.3g}{inside[i].mean():>12.0%}")
