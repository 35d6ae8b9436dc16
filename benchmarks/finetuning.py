"""Fine-tuning on EPF (Nord Pool, France) and bike sharing: errors before and after, with covariates too.

    python benchmarks/finetuning.py --data ../shared/data --tasks NP,FR,bike --out OUT

Forecasts start at every midnight of the test part: the last 728 days of EPF, the last fifth of bike sharing.
MAE is that of the median, MASE its ratio to the error of seasonal naive (24 hours) before the test part.
`--model random2` is a model of the second generation with 1.1 million random weights: what `fit` brings about
from nothing. Rows are appended to OUT/finetuning.csv as they are done, and those that are there are not run
again.
"""

import argparse
import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from second_generation import PUBLISHED

from toto import TotoPipeline
from toto.model2.config import Toto2Config
from toto.model2.toto2 import Toto2Model

DAY = 24
COLUMNS = ("task", "horizon", "variant", "mode", "seed", "mae", "mase", "steps", "minutes", "megabytes")


class Task(NamedTuple):
    """A series with covariates that are known for the day that is forecast."""

    name: str
    frame: pd.DataFrame
    target: str
    known: list[str]
    test_hours: int
    horizon: int


def tasks(data: Path, names: list[str]) -> Iterator[Task]:
    for name in names:
        if name in ("NP", "FR"):
            frame = pd.read_csv(data / "epf" / f"{name}.csv.gz", parse_dates=[0], skipinitialspace=True)
            frame = frame.rename(columns=str.strip)
            target, *known = frame.columns[1:]
            yield Task(name, frame, target, known, 728 * DAY, DAY)
        else:
            frame = pd.read_csv(data / "covariates" / "bike_sharing_hourly.csv.gz", parse_dates=[0])
            known = ["temp", "hum", "windspeed", "weather", "holiday", "workingday"]
            frame = frame[["date_time", "users", *known]]
            test = len(frame) // 5 // DAY * DAY
            horizon = {"bike": DAY, "bike-week": 7 * DAY}[name]
            yield Task(name, frame, "users", known, test, horizon)


def variants(task: Task, only: list[str]) -> Iterator[tuple[str, str, dict]]:
    """Name, mode and arguments of `fit`; none for the untouched model."""
    found = [
        ("zero-shot", "", {}),
        ("fine-tuned", "full", {"mode": "full"}),
        ("with covariates", "full", {"mode": "full", "known": task.known}),
        (
            "with covariates and calendar",
            "full",
            {"mode": "full", "known": task.known, "calendar": ["hour", "dayofweek"]},
        ),
        ("fine-tuned", "lora", {"mode": "lora"}),
        ("with covariates", "lora", {"mode": "lora", "known": task.known}),
    ]
    yield from (one for one in found if not only or f"{one[0]}/{one[1]}" in only)


def error_on_test(pipe: TotoPipeline, task: Task, context: int, at_once: int = 100) -> tuple[float, float]:
    """MAE and MASE over all origins; each is a series of its own, with the steps before it."""
    time_column, num_steps = task.frame.columns[0], len(task.frame)
    values = task.frame[task.target].to_numpy()
    origins = range(num_steps - task.test_hours, num_steps - task.horizon + 1, DAY)
    errors = []
    for first in range(0, len(origins), at_once):
        some = origins[first : first + at_once]
        history = [task.frame.iloc[max(0, o - context) : o].assign(origin=o) for o in some]
        future = [task.frame.iloc[o : o + task.horizon].assign(origin=o) for o in some]
        known = (
            pd.concat(future).drop(columns=task.target)
            if pipe.record and pipe.record.covariates.known
            else None
        )
        forecast = pipe.forecast(
            pd.concat(history),
            task.horizon,
            columns=task.target,
            id_column="origin",
            time_column=time_column,
            future=known,
            seed=0,
            keep_samples=False,
        )
        actual = np.stack([values[o : o + task.horizon] for o in some])
        errors.append(np.abs(np.asarray(forecast.median) - actual).mean(axis=1))
    mae = float(np.concatenate(errors).mean())
    before = values[: num_steps - task.test_hours]
    return mae, mae / float(np.abs(before[DAY:] - before[:-DAY]).mean())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="toto-nano", help="of either generation; random2: see above")
    parser.add_argument("--tasks", default="NP,FR,bike,bike-week")
    parser.add_argument("--variants", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", type=json.loads, default={}, help="further arguments of fit, as JSON")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "finetuning.csv"
    done = set()
    if log.is_file():
        rows = csv.DictReader(log.read_text().splitlines())
        done = {(row["task"], row["variant"], row["mode"], row["seed"]) for row in rows}
    else:
        log.write_text(",".join(COLUMNS) + "\n")
    only = options.variants.split(",") if options.variants else []
    for task in tasks(options.data, options.tasks.split(",")):
        for variant, mode, chosen in variants(task, only):
            if (task.name, variant, mode, str(options.seed)) in done:
                continue
            row = measured(task, variant, mode, chosen, options)
            with log.open("a", newline="") as file:
                csv.writer(file).writerow(row)
            print(*row, flush=True)


def measured(task: Task, variant: str, mode: str, chosen: dict, options: argparse.Namespace) -> list:
    """A row of the table."""
    pipe = TotoPipeline.from_pretrained(random2(options.out) if options.model == "random2" else options.model)
    began, steps, megabytes = time.perf_counter(), 0, 0.0
    context = 4096
    if chosen:
        out = options.out / f"{task.name} {variant} {mode} {options.seed}".replace(" ", "-")
        train = task.frame.iloc[: -task.test_hours]
        pipe = pipe.fit(
            train,
            task.horizon,
            columns=task.target,
            seed=options.seed,
            out=out,
            **chosen,
            **options.options,
        )
        print(task.name, variant, mode, pipe.fit_result, flush=True)
        steps, context = pipe.fit_result.num_steps, pipe.record.context
        files = (f for f in out.iterdir() if f.suffix == ".safetensors")
        megabytes = sum(f.stat().st_size for f in files) / 1e6
    minutes = (time.perf_counter() - began) / 60
    mae, mase = error_on_test(pipe, task, context)
    return [
        task.name,
        task.horizon,
        variant,
        mode,
        options.seed,
        f"{mae:.4f}",
        f"{mase:.4f}",
        steps,
        f"{minutes:.1f}",
        f"{megabytes:.2f}",
    ]


def random2(out: Path) -> Path:
    """The folder of a small model of the second generation with random weights."""
    folder = out / "random2"
    if not folder.is_dir():
        torch.manual_seed(0)
        sizes = PUBLISHED | {"patch_size": 24, "d_model": 128, "num_layers": 4}
        Toto2Model(Toto2Config.from_dict(sizes)).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
