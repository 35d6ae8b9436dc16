"""How often `toto watch` alarms on rows of the past, replayed line by line, against the rate that was asked.

    python benchmarks/watch.py --data ../shared/data --detectors likelihood,deviation

Whether the rows hold anomalies nobody knows: they are an ordinary hour of a host and months of a transformer.
"""

import argparse
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from toto import Toto
from toto.cli.runtime import runtime_of
from toto.cli.watch import Watcher, WatchSettings

ROOT = Path(__file__).resolve().parents[1]
ASKED = (5, 1)  # alarms in 1000 rows


class Replay(NamedTuple):
    """Lines of the past, to calibrate on, and later ones."""

    name: str
    header: str
    past: Sequence[str]
    later: Sequence[str]


def replays(data: Path) -> Iterator[Replay]:
    for name, path, first, num_past, num_later in (
        ("host metrics, 12 columns, 5 s", ROOT / "examples" / "host_metrics.csv", 0, 720, 720),
        ("ETTm1, 7 columns, 15 min", data / "lsf" / "ETTm1.csv.gz", 20_000, 2000, 1000),
        ("ETTh1, 7 columns, 1 h", data / "lsf" / "ETTh1.csv.gz", 0, 2000, 1000),
    ):
        if path.exists():
            with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
                header, *lines = file.read().splitlines(keepends=True)
            behind = first + num_past
            yield Replay(name, header, lines[first:behind], lines[behind : behind + num_later])


def num_alarms(model: Toto, replay: Replay, detector: str, rate: int) -> int:
    """How many alarms a watcher prints that has the past as its history."""
    shown: list[str] = []
    with TemporaryDirectory() as folder:
        history = Path(folder) / "history.csv"
        history.write_text(replay.header + "".join(replay.past))
        settings = WatchSettings(
            "", runtime_of("cpu"), None, None, 2048, f"{rate}/1000 steps", 10, history, None, detector
        )
        Watcher(model, settings, shown.append).watch([replay.header, *replay.later])
    return len(shown)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="toto-nano")
    parser.add_argument("--detectors", default="likelihood,deviation")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model = Toto.from_pretrained(options.model)
    print("| alarms in 1000 rows | detector | " + " | ".join(f"asked {rate}" for rate in ASKED) + " |")
    print("|---|---|" + "---|" * len(ASKED))
    for replay in replays(options.data):
        for detector in options.detectors.split(","):
            cells = (1000 * num_alarms(model, replay, detector, rate) / len(replay.later) for rate in ASKED)
            print(
                f"| {replay.name} | {detector} | {' | '.join(f'{cell:.1f}' for cell in cells)} |", flush=True
            )


if __name__ == "__main__":
    main()
