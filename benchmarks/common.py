"""What the benchmarks share: models, sizes of forecasts, measuring in fresh processes, tables.

It also runs under the Python of toto-ts, hence it imports neither package before it needs it.
"""

import argparse
import datetime
import importlib.resources
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "out"

BASE = {
    "patch_size": 64,
    "stride": 64,
    "embed_dim": 768,
    "num_layers": 12,
    "num_heads": 12,
    "mlp_hidden_dim": 3072,
    "dropout": 0.1,
    "spacewise_every_n_layers": 12,
    "spacewise_first": False,
    "scaler_cls": "<class 'model.scaler.CausalPatchStdMeanScaler'>",
    "output_distribution_classes": ["<class 'model.distribution.MixtureOfStudentTsOutput'>"],
    "output_distribution_kwargs": {"k_components": 24},
    "use_memory_efficient_attention": False,  # toto-ts needs xformers for it
}


@dataclass(frozen=True)
class Workload:
    """The size of a forecast.

    samples: None is the mean path. num_series: more than 1 are given as a list. keep_distribution: nine
    quantiles are taken from the mixtures, not from the paths alone.
    """

    variates: int
    context: int
    horizon: int
    samples: int | None = None
    num_series: int = 1
    keep_distribution: bool = False

    def __str__(self) -> str:
        """In words, as tables show it."""
        words = f"{self.variates} x {self.context} -> {self.horizon}, "
        words += "mean path" if self.samples is None else f"{self.samples} paths"
        words += ", mixture quantiles" if self.keep_distribution else ""
        return words if self.num_series == 1 else f"{self.num_series} series of {words}"


README_EXAMPLE = Workload(7, 4096, 336, 256)  # of toto-ts


@dataclass(frozen=True)
class Cost:
    """Seconds of one forecast, and the most memory its process (on a GPU: its tensors) ever held."""

    seconds: float
    gigabytes: float


class NotMeasuredError(Exception):
    """The measured process failed; the message is the last that it said."""


def measure(
    workload: Workload,
    checkpoint: Path,
    *,
    threads: int,
    device: str = "cpu",
    python: str | Path = sys.executable,
    samples_per_batch: int | None = None,
    program: str = "one_forecast.py",
) -> Cost:
    """One run of a program of this folder, in a fresh process; `samples_per_batch` None: the package chooses.

    Raises:
        NotMeasuredError: the process failed.
    """
    request = asdict(workload) | {
        "checkpoint": str(checkpoint),
        "threads": threads,
        "device": device,
        "samples_per_batch": samples_per_batch,
    }
    command = [str(python), "-W", "ignore", str(Path(__file__).with_name(program)), json.dumps(request)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise NotMeasuredError(said[-1] if said else f"exit status {done.returncode}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(c.seconds for c in costs), statistics.median(c.gigabytes for c in costs))


def find_checkpoint(model: str) -> Path:
    """The folder of "base" (random weights, made once), of a bundled model, or the one given."""
    bundled = Path(str(importlib.resources.files("toto"))) / "checkpoints" / model
    if model != "base":
        return bundled if bundled.is_dir() else Path(model)
    folder = OUT / "benchmarks" / "base"
    if not (folder / "model.safetensors").exists():
        import torch

        from toto import Toto

        progress(f"random weights of base-model size -> {folder}")
        torch.manual_seed(0)
        Toto(**BASE).save_pretrained(folder)
    return folder


def random_walks(*shape: int):
    """Series whose values are sums of normal steps; float32 tensor of the shape, the same every time."""
    import torch

    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).cumsum(-1)


def peak_gigabytes() -> float:
    """The most memory that this process ever held resident."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux getrusage goes on from the peak of the process that started this one
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024 / 1e9
    if os.name == "nt":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e9
    import resource

    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    )


def arguments(description: str, model: str = "base") -> argparse.ArgumentParser:
    """A parser with the options of all benchmarks."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=model, help=f'"base", "toto-nano", or a folder (default: {model})')
    parser.add_argument("--threads", type=int, default=available_cores(), help="default: all cores")
    parser.add_argument("--repeats", type=int, default=3, help="runs that medians are taken of (default: 3)")
    return parser


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_run(args: argparse.Namespace) -> str:
    """Machine, versions and options in one line, to stand above a table."""
    return (
        f"{datetime.date.today()}: {_processor()}, {args.threads} of {available_cores()} cores, "
        f"Python {platform.python_version()}, torch {version('torch')}; model {args.model}, "
        f"medians of {args.repeats}."
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return named[1] if named else platform.processor() or platform.machine()


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A Markdown table in columns, to be read here or pasted into a document."""
    cells = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    cells.insert(1, ["-" * width for width in widths])
    for row in cells:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def progress(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
