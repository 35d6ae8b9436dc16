"""Anomaly detection on labelled data, beside simple baselines: NAB score, AUC-PR, delay, false alarms.

    python benchmarks/anomaly.py --data ../shared/data --parts nab,smd,asd,cloud,rate

Everything is online: a score knows earlier steps alone. Detectors and baselines learn from the training part
of SMD and ASD, the first 15 % of a file of NAB (at most 750 rows), the first quarter of cloud monitoring.
"""

import argparse
import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from toto import Toto
from toto.anomaly.detectors import DETECTORS
from toto.evaluation.nab import PROFILES, ScoredFile, best_threshold, nab_score

RATES = (1 / 200, 1 / 1000, 1 / 5000)
QUIET = 200  # rows of NAB after an alarm in which only a higher score is one


class Labelled(NamedTuple):
    """A history [variates, time], how many of its first steps are to learn from, and its labels [time]."""

    name: str
    values: np.ndarray
    num_clean: int
    labels: np.ndarray


Scorer = Callable[[Labelled], np.ndarray]  # a score of every step, larger is stranger


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under precision over recall, by steps; steps of equal score count together."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    found = np.cumsum(labels[order])[last]
    precision = found / (last + 1)
    return float((np.diff(found, prepend=0) * precision).sum() / labels.sum())


def detector(model: Any, kind: str, **options: Any) -> Scorer:
    """The score of one of our detectors; 0 where there is none."""

    def scorer(data: Labelled) -> np.ndarray:
        found = DETECTORS[kind](model, **options).fit_detect(data.values, data.num_clean)
        return np.nan_to_num(found.scores[0], nan=0.0)

    return scorer


def z_score(data: Labelled) -> np.ndarray:
    """L2 norm over the variates of the z-scores by mean and standard deviation of the clean stretch."""
    return np.sqrt(np.square(_standard(data)).sum(0))


def pca(data: Labelled, share: float = 0.9, num_steps: int = 10) -> np.ndarray:
    """What the principal components that hold 90 % of the variance of the clean stretch leave unexplained.

    Of the last 10 steps of all variates together: that comes to the published figure on ASD; of single steps
    the components miss what moves in time, and find half as much.
    """
    z = _standard(data)
    before = np.concatenate([np.repeat(z[:, :1], num_steps - 1, 1), z], 1)
    z = np.concatenate([before[:, lag : lag + z.shape[1]] for lag in range(num_steps)])
    _, sizes, axes = np.linalg.svd(z[:, : data.num_clean].T, full_matrices=False)
    kept = axes[: 1 + int(np.searchsorted(np.cumsum(sizes**2) / (sizes**2).sum(), share))]
    return np.sqrt(np.square(z - kept.T @ (kept @ z)).sum(0))


def rolling_median(data: Labelled, window: int = 100) -> np.ndarray:
    """Deviation from the median of the last steps in units of their MAD; the largest of all variates."""
    values = np.nan_to_num(data.values)
    before = np.concatenate([np.repeat(values[:, :1], window, 1), values], 1)[:, :-1]
    windows = np.lib.stride_tricks.sliding_window_view(before, window, axis=1)
    median = np.median(windows, -1)
    spread = np.median(abs(windows - median[..., None]), -1)
    typical = 0.1 * values[:, : data.num_clean].std(1, keepdims=True) + 1e-9
    return (abs(values - median) / (1.4826 * spread + typical)).max(0)


def _standard(data: Labelled) -> np.ndarray:
    clean = data.values[:, : data.num_clean]
    mean, deviation = np.nanmean(clean, 1, keepdims=True), np.nanstd(clean, 1, keepdims=True)
    return np.nan_to_num((data.values - mean) / np.where(deviation > 1e-9, deviation, 1.0))


BASELINES: dict[str, Scorer] = {"z-score L2": z_score, "PCA": pca, "rolling median and MAD": rolling_median}


def server_metrics(folder: Path) -> Iterator[Labelled]:
    """SMD or ASD: the test part behind the training part."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as parts:
            values = np.concatenate([parts["train"], parts["test"]]).T.astype(np.float64)
            labels = np.concatenate([np.zeros(len(parts["train"]), int), parts["test_label"].astype(int)])
            yield Labelled(path.stem, values, len(parts["train"]), labels)


def cloud_monitoring(folder: Path) -> Iterator[Labelled]:
    """Files of one metric; sorted by time, as some are not."""
    for path in sorted(folder.glob("*/*.csv.gz")):
        rows = sorted(_rows(path), key=lambda row: row["TimeStamp"])
        values = np.array([[float(row["Value"] or "nan") for row in rows]])
        labels = np.array([int(float(row["Label"])) for row in rows])
        yield Labelled(path.stem, values, max(128, len(rows) // 4), labels)


def nab(folder: Path) -> Iterator[tuple[Labelled, tuple[tuple[int, int], ...]]]:
    """Files of NAB with their windows; a row is a step, whatever its time."""
    all_windows = json.loads((folder / "labels" / "combined_windows.dev.json").read_text())
    for name, windows in all_windows.items():
        rows = list(_rows(folder / "data" / f"{name}.gz"))
        stamps = [row["timestamp"] for row in rows]
        values = np.array([[float(row["value"]) for row in rows]])
        inside = [
            [i for i, t in enumerate(stamps) if first[:19] <= t <= last[:19]] for first, last in windows
        ]
        num_clean = min(int(0.15 * len(rows)), 750)
        data = Labelled(name, values, num_clean, np.zeros(len(rows), int))
        yield data, tuple((steps[0], steps[-1]) for steps in inside)


def only_rising(scores: np.ndarray, quiet: int = QUIET) -> np.ndarray:
    """The scores that exceed all of the last `quiet` rows; the others are 0."""
    before = np.concatenate([np.full(quiet, -np.inf), scores[:-1]])
    highest = np.lib.stride_tricks.sliding_window_view(before, quiet).max(-1)
    return np.where(scores > highest, scores, 0.0)


def show_nab(folder: Path, scorers: dict[str, Scorer]) -> None:
    """One threshold for all files, chosen on the artificial ones and those of AWS."""
    print("\nNAB, threshold chosen on artificial* and realAWSCloudwatch: standard / low FP / low FN\n")
    print("| scores | chosen on | realAdExchange |\n|---|---|---|")
    data = list(nab(folder))
    for name, scorer in scorers.items():
        files = {one.name: ScoredFile(only_rising(scorer(one)), windows) for one, windows in data}
        chosen = [file for name, file in files.items() if not name.startswith("realAd")]
        others = [file for name, file in files.items() if name.startswith("realAd")]
        thresholds = {key: best_threshold(chosen, profile) for key, profile in PROFILES.items()}
        cells = (
            " / ".join(f"{nab_score(part, thresholds[key], PROFILES[key]):.1f}" for key in PROFILES)
            for part in (chosen, others)
        )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def show_precision(title: str, series: Sequence[Labelled], scorers: dict[str, Scorer]) -> None:
    """AUC-PR by steps after the clean stretch; anomalies met with alarms in 1 of 1000 clean steps."""
    print(f"\n{title}\n\n| scores | AUC-PR | anomalies met | median delay | alarms outside, of 1000 steps |")
    print("|---|---|---|---|---|")
    for name, scorer in scorers.items():
        precision, delays, met, alarms, quiet = [], [], [], 0, 0
        for one in series:
            scores, after = scorer(one), slice(one.num_clean, None)
            if not one.labels[after].any():
                continue
            precision.append(average_precision(scores[after], one.labels[after]))
            above = scores[after] > np.quantile(scores[: one.num_clean], 0.999, method="higher")
            for start, end in segments(one.labels[after]):
                steps = np.flatnonzero(above[start:end])
                met.append(len(steps) > 0)
                delays += steps[:1].tolist()
            alarms += int((above & (one.labels[after] == 0)).sum())
            quiet += int((one.labels[after] == 0).sum())
        cells = f"{np.mean(precision):.3f} | {sum(met)} of {len(met)} | {np.median(delays):g}"
        print(f"| {name} | {cells} | {1000 * alarms / quiet:.1f} |", flush=True)


def segments(labels: np.ndarray) -> list[tuple[int, int]]:
    """First step and end of every run of ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels, [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def show_rates(model: Any, data: Path, kinds: Sequence[str]) -> None:
    """Events in the second half of clean stretches after calibration on the first, against what was asked."""
    clean = [
        one._replace(values=one.values[:, : one.num_clean]) for one in server_metrics(data / "asd")
    ] + list(_hourly(data / "lsf" / "ETTh1.csv.gz"))
    print(
        "\nFalse alarms of 1000 steps on the second halves of clean stretches: ASD (19 variates), ETTh1 (1)\n"
    )
    print("| detector | series | " + " | ".join(f"asked {1000 * rate:g}" for rate in RATES) + " |")
    print("|---|---|" + "---|" * len(RATES))
    for kind in kinds:
        for group in ("ASD", "ETTh1"):
            members = [one for one in clean if one.name.startswith("ETTh1") == (group == "ETTh1")]
            cells = []
            for rate in RATES:
                events = steps = 0
                for one in members:
                    half = one.values.shape[1] // 2
                    found = DETECTORS[kind](model, rate).fit_detect(one.values, half)
                    events += sum(event.alarm >= half for event in found.events)
                    steps += one.values.shape[1] - half
                cells.append(f"{1000 * events / steps:.2f}")
            print(f"| {kind} | {group} | {' | '.join(cells)} |", flush=True)


def _hourly(path: Path) -> Iterator[Labelled]:
    rows = list(_rows(path))
    for name in list(rows[0])[1:]:
        values = np.array([[float(row[name]) for row in rows]])[:, :8000]
        yield Labelled(f"ETTh1 {name}", values, values.shape[1], np.zeros(values.shape[1], int))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="toto-nano")
    parser.add_argument("--parts", default="nab,smd,asd,cloud,rate")
    parser.add_argument("--kinds", default=",".join(DETECTORS))
    parser.add_argument("--combine", default="simes")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model, parts, kinds = (
        Toto.from_pretrained(options.model),
        options.parts.split(","),
        options.kinds.split(","),
    )
    ours = {f"{kind} detector": detector(model, kind, combine=options.combine) for kind in kinds}
    if "nab" in parts:
        one_variate = {name: BASELINES[name] for name in ("z-score L2", "rolling median and MAD")}
        show_nab(options.data / "nab", ours | one_variate)
    for part, title in (("smd", "SMD, 4 machines of 38 metrics"), ("asd", "ASD, 6 servers of 19 metrics")):
        if part in parts:
            show_precision(title, list(server_metrics(options.data / part)), ours | BASELINES)
    if "cloud" in parts:
        series = list(cloud_monitoring(options.data / "ms_cloud_monitoring"))
        show_precision("Cloud monitoring, files of one metric", series, ours | BASELINES)
    if "rate" in parts:
        show_rates(model, options.data, kinds)


if __name__ == "__main__":
    main()
