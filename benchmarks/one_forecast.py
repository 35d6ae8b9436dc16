"""Measures one forecast by the `toto` of this process, ours or toto-ts, and prints its `Cost` as JSON.

Started by `common.measure`, with the request as JSON; both packages take the same calls.
"""

import dataclasses
import json
import os
import sys
import time
from types import SimpleNamespace

REQUEST = SimpleNamespace(**json.loads(sys.argv[1]))
os.environ["OMP_NUM_THREADS"] = str(REQUEST.threads)  # read when torch is loaded

import torch  # noqa: E402
from common import Cost, peak_gigabytes, random_walks  # noqa: E402

from toto.data.util.dataset import MaskedTimeseries  # noqa: E402
from toto.inference.forecaster import TotoForecaster  # noqa: E402
from toto.model.toto import Toto  # noqa: E402

ON_GPU = REQUEST.device != "cpu"
LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def main() -> None:
    torch.set_num_threads(REQUEST.threads)
    toto = Toto.load_from_checkpoint(REQUEST.checkpoint).to(REQUEST.device).eval()
    forecaster = TotoForecaster(toto.model)
    draws = REQUEST.samples is not None
    forecaster.forecast(as_series(random_walks(1, 64)), 1, 2 if draws else None, samples_per_batch=2)
    walks = random_walks(REQUEST.num_series, REQUEST.variates, REQUEST.context)
    inputs = as_series(walks[0]) if len(walks) == 1 else list(walks.numpy())
    if ON_GPU:  # kernels are loaded and chosen when they first meet a shape
        seconds_of_forecast(forecaster, inputs)
    seconds = seconds_of_forecast(forecaster, inputs)
    peak = torch.cuda.max_memory_allocated() / 1e9 if ON_GPU else peak_gigabytes()
    print(json.dumps(dataclasses.asdict(Cost(seconds, peak))))


def seconds_of_forecast(forecaster: TotoForecaster, inputs: object) -> float:
    options = {"num_samples": REQUEST.samples}
    if REQUEST.samples_per_batch is not None:
        options["samples_per_batch"] = REQUEST.samples_per_batch
    if REQUEST.keep_distribution:
        options["keep_distribution"] = True
    synchronise()
    start = time.perf_counter()
    forecast = forecaster.forecast(inputs, REQUEST.horizon, **options)
    if REQUEST.keep_distribution:
        forecast.quantile(LEVELS)
    synchronise()
    return time.perf_counter() - start


def as_series(values: torch.Tensor) -> MaskedTimeseries:
    values = values.to(REQUEST.device)
    return MaskedTimeseries(
        series=values,
        padding_mask=torch.ones_like(values, dtype=torch.bool),
        id_mask=torch.zeros_like(values),
        timestamp_seconds=torch.zeros_like(values, dtype=torch.int),
        time_interval_seconds=torch.full_like(values[:, 0], 60, dtype=torch.int),
    )


def synchronise() -> None:
    if ON_GPU:
        torch.cuda.synchronize()


main()
