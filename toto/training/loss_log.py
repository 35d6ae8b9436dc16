"""The loss of a run as a CSV file that survives being killed and resumed."""

import csv
import io
from pathlib import Path

import torch

from toto.training.checkpoints import RunState
from toto.training.loss import Loss

COLUMNS = ("step", "tokens", "seconds", "loss", "nll", "robust", "gradient_norm", "learning_rate")


class LossLog:
    """Collects the losses of single steps and writes their means.

    Lines of steps after `first_step`, which a killed run wrote and the resumed one repeats, are dropped.
    The first line of a resumed run is the mean of the steps since it was resumed.
    """

    def __init__(self, path: Path, first_step: int) -> None:
        self.path = path
        self._losses: list[torch.Tensor] = []
        self._norms: list[float] = []
        kept = [row for row in self.read(path) if int(row["step"]) <= first_step] if path.is_file() else []
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)

    @staticmethod
    def read(path: Path) -> list[dict[str, str]]:
        """The lines of a log, oldest first, without a last one that a kill cut short."""
        text = path.read_text()
        return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))

    def add(self, loss: Loss, gradient_norm: float) -> None:
        """Remember one step."""
        self._losses.append(torch.stack([loss.total, loss.nll, loss.robust]))
        self._norms.append(gradient_norm)

    def write(self, state: RunState, learning_rate: float) -> float:
        """Append the means since the last call; returns that of the loss."""
        total, nll, robust = torch.stack(self._losses).mean(0).tolist()
        norm = sum(self._norms) / len(self._norms)
        numbers = [f"{x:.6g}" for x in (total, nll, robust, norm, learning_rate)]
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([state.step, state.tokens, f"{state.seconds:.2f}", *numbers])
        self._losses, self._norms = [], []
        return total
