"""Small series, and files in the layout of the benchmarks."""

import gzip
from pathlib import Path

import numpy as np

ETT = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
L2C = (
    "cycle time",
    "Unable to connect to SAP",
    "Approval system not available",
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
)


def seasonal(num_variates: int, num_steps: int, season: int, seed: int = 0) -> np.ndarray:
    """Sines with noise around 10, [variates, time]."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (num_variates, 1))
    wave = np.sin(2 * np.pi * np.arange(num_steps) / season + phase)
    return 10 + wave + 0.3 * rng.normal(size=(num_variates, num_steps))


def write_wide(path: Path, names: tuple[str, ...], values: np.ndarray) -> None:
    """A CSV file with the time in the first column; gzip if it is named so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(["date", *names])]
    lines += [",".join([str(step), *map(repr, map(float, row))]) for step, row in enumerate(values.T)]
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
