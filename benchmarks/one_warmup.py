"""The first and later forecasts of one process; started by `warmup.py`, with the request as JSON.

The settings of the pipeline come from the environment, as in a service.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

from toto import ForecastShape, TotoPipeline, verify_warmup_effectiveness, warmup
from toto.inference.compilation import num_compilations
from toto.inference.warmup import STANDARD

DATA = Path(__file__).resolve().parents[1] / "examples" / "host_metrics.csv"
OTHER_SIZES = (
    ForecastShape(512, 96, num_variates=7),
    ForecastShape(4096, 96),
    ForecastShape(1000, 336, num_series=3),
    ForecastShape(20, 5),
    ForecastShape(65, 65, num_samples=64),
    ForecastShape(700, 130, num_variates=2, num_series=5),
    ForecastShape(64, 1, num_series=2),
    ForecastShape(100, 64, num_samples=1),
)


def main() -> None:
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    series = np.loadtxt(DATA, delimiter=",", skiprows=1, usecols=1)[: request["context"] + request["horizon"]]
    pipeline = TotoPipeline.from_pretrained(request["checkpoint"])
    warmed_before = warmup(pipeline, STANDARD, clock=processor_seconds).seconds if request["warm"] else 0.0
    check = verify_warmup_effectiveness(pipeline, series, request["horizon"], clock=processor_seconds)
    compiled = num_compilations()
    warmup(pipeline, OTHER_SIZES)
    print(
        json.dumps(
            {
                "warmed_before": warmed_before,
                "first": check.cold_seconds,
                "later": float(np.median(check.warm_seconds)),
                "latency_cv": check.latency_cv,
                "error": check.cold_error,
                "warm_error": float(np.mean(check.warm_errors)),
                "error_cv": check.error_cv,
                "compilations": compiled,
                "recompilations": num_compilations() - compiled + check.num_recompilations,
            }
        )
    )


def processor_seconds() -> float:
    """Of this process and of the compilers that it ran, so that a busy machine counts little."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


if __name__ == "__main__":
    logging.disable()
    main()
