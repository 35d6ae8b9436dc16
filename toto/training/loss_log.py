"""The loss of a run, averaged over the steps between two lines of a CSV file."""

from pathlib import Path

import torch

from toto.model.losses import Loss
from toto.training.checkpoints import RunState
from toto.training.csv_log import CsvLog

COLUMNS = ("step", "tokens", "seconds", "loss", "nll", "robust", "gradient_norm", "learning_rate")


class LossLog:
    """Collects the losses of single steps and writes their means.

    The first line of a resumed run is the mean of the steps since it was resumed.
    """

    def __init__(self, path: Path, first_step: int) -> None:
        self.path = path
        self._log = CsvLog(path, COLUMNS, first_step)
        self._losses: list[torch.Tensor] = []
        self._norms: list[float] = []

    def add(self, loss: Loss, gradient_norm: float) -> None:
        """Remember one step."""
        self._losses.append(torch.stack([loss.total, loss.nll, loss.robust]))
        self._norms.append(gradient_norm)

    def write(self, state: RunState, learning_rate: float) -> float:
        """Append the means since the last call; returns that of the loss."""
        losses = torch.stack(self._losses).mean(0).tolist()
        norm = sum(self._norms) / len(self._norms)
        self._log.write(state.step, state.tokens, state.seconds, *losses, norm, learning_rate)
        self._losses, self._norms = [], []
        return losses[0]
