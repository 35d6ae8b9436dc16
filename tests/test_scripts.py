"""The scripts that measure models and record their example data."""

from argparse import Namespace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from toto import MaskedTimeseries, TotoForecaster

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """A function that imports a script by its name."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module


@pytest.mark.parametrize("context", [16, 64])
def test_a_step_that_is_missing_in_all_variates_shortens_no_history(script, tiny, monkeypatch, context):
    evaluate = script("evaluate_bundled")
    monkeypatch.setattr(evaluate, "HORIZON", 8)
    values = np.random.default_rng(0).normal(size=(2, 32))
    values[:, 18] = np.nan
    forecaster, options = TotoForecaster(tiny.float()), Namespace(context=context, samples=4, seed=0)
    found = evaluate.forecast_windows(forecaster, values, [24], options, np.zeros(2))
    seen = MaskedTimeseries.from_array(torch.from_numpy(values[None, :, max(0, 24 - context) : 24]).float())
    expected = forecaster.forecast(seen, 8, 4, samples_per_batch=64, seed=0)
    torch.testing.assert_close(found.samples, expected.samples)


def test_a_machine_that_counts_no_network_traffic_is_recorded_with_zeros(script, monkeypatch):
    psutil = pytest.importorskip("psutil")
    monkeypatch.setattr(psutil, "net_io_counters", lambda: None)
    counters = script("record_host_metrics").counters()
    assert counters["network_in_kib"] == counters["network_out_kib"] == 0
    assert counters["cpu_percent"] > 0
