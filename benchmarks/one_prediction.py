"""Measures one pass of a GluonTS predictor, ours or that of toto-ts, and prints its `Cost` as JSON.

Started by `common.measure` in the environment of either, with the request as JSON; both take the same calls.
"""

import dataclasses
import json
import os
import sys
import time
from types import SimpleNamespace

REQUEST = SimpleNamespace(**json.loads(sys.argv[1]))
os.environ["OMP_NUM_THREADS"] = str(REQUEST.threads)  # read when torch is loaded

import pandas as pd  # noqa: E402
import torch  # noqa: E402
from common import Cost, peak_gigabytes, random_walks  # noqa: E402

from toto.inference.gluonts_predictor import Multivariate, TotoPredictor  # noqa: E402
from toto.model.toto import Toto  # noqa: E402


def main() -> None:
    torch.set_num_threads(REQUEST.threads)
    toto = Toto.load_from_checkpoint(REQUEST.checkpoint).to(REQUEST.device).eval()
    walks = random_walks(REQUEST.num_series, REQUEST.context).numpy()
    seconds_of_prediction(toto, walks[:1, :64], 1)
    seconds = seconds_of_prediction(toto, walks, REQUEST.horizon)
    print(json.dumps(dataclasses.asdict(Cost(seconds, peak_gigabytes()))))


def seconds_of_prediction(toto: Toto, values: object, horizon: int) -> float:
    """A dataset of univariate items; `samples_per_batch` None leaves all batches to the package."""
    start = pd.Period("2024-01-01", freq="h")
    dataset = [{"target": row, "start": start, "item_id": str(i)} for i, row in enumerate(values)]
    at_once = {}
    if REQUEST.samples_per_batch is not None:
        at_once = {"mode": Multivariate(len(dataset)), "samples_per_batch": REQUEST.samples_per_batch}
    predictor = TotoPredictor.create_for_eval(toto, horizon, REQUEST.context, **at_once)
    began = time.perf_counter()
    forecasts = list(predictor.predict(dataset, num_samples=REQUEST.samples, use_kv_cache=True))
    seconds = time.perf_counter() - began
    assert all(f.samples.shape == (REQUEST.samples, horizon) for f in forecasts)
    return seconds


main()
