"""A service forecasts from several threads with one pipeline."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from toto import ForecastMonitor, TotoPipeline


def test_threads_may_share_a_pipeline_and_a_monitor_from_the_first_forecast_on(make_tiny):
    data = np.random.default_rng(0).normal(size=(8, 40)).cumsum(-1)
    alone = TotoPipeline(make_tiny().float())
    expected = [alone.forecast(one, 20, num_samples=4, seed=0) for one in data]
    pipe, monitor = TotoPipeline(make_tiny().float()), ForecastMonitor()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda one: monitor.forecast(pipe, one, 20, num_samples=4, seed=0), data))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.samples, theirs.samples)
        torch.testing.assert_close(ours.median, theirs.median)
    totals = monitor.report().totals
    assert (totals.num_forecasts, totals.num_rows) == (8, 8)
