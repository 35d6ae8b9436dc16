"""What watches a run."""

import os
from pathlib import Path, PureWindowsPath
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from toto.finetuning.curve import write_curve
from toto.inference.progress import Progress


class Curve(lightning.Callback):
    """A row for every validation; the first is the untouched model.

    The rows are part of every checkpoint, so that those of a resumed run are those of an uninterrupted one.

    Args:
        path: of the CSV file, which is written anew with every row.
        untouched: the score of the untouched model.
    """

    def __init__(self, path: Path, untouched: float) -> None:
        self.rows: list[dict[str, float | int]] = [{"step": 0, "score": untouched}]
        self._path = path
        self._losses: list[float] = []

    def on_train_batch_end(self, _: Any, module: Any, outputs: Any, *__: Any) -> None:
        """Keep the loss for the mean of the next row."""
        self._losses.append(float(outputs["loss"]))

    def on_validation_end(self, trainer: lightning.Trainer, module: Any) -> None:
        """Add a row, unless a run that had ended is looked at once more."""
        if self.rows[-1]["step"] == trainer.global_step:
            return
        self.rows.append(
            {
                "step": trainer.global_step,
                "loss": sum(self._losses) / max(1, len(self._losses)),
                "score": float(trainer.callback_metrics["score"]),
                "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
                "seconds": module.elapsed(),
            }
        )
        self._losses = []
        if trainer.is_global_zero:
            write_curve(self.rows, self._path)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"rows": [dict(row) for row in self.rows], "losses": list(self._losses)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.rows, self._losses = state_dict["rows"], state_dict["losses"]


class DivergenceError(Exception):
    """The loss, the weights or the score of a run are no numbers any more; says since when."""


class Finite(lightning.Callback):
    """Ends a run that diverges, before what came of it is scored or kept.

    Forecasts that are not finite become 0, so a score does not tell.
    """

    def on_train_batch_end(self, trainer: lightning.Trainer, _: Any, outputs: Any, *__: Any) -> None:
        """Look at the loss."""
        self._check(trainer, bool(torch.isfinite(outputs["loss"])), "loss")

    def on_validation_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Look at the weights."""
        trained = (weight for weight in module.parameters() if weight.requires_grad)
        self._check(trainer, all(weight.isfinite().all() for weight in trained), "weights")

    def on_validation_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Look at the score."""
        self._check(trainer, bool(trainer.callback_metrics["score"].isfinite()), "score")

    def _check(self, trainer: lightning.Trainer, finite: bool, what: str) -> None:
        """`DivergenceError` on all devices if one of them has found so."""
        if trainer.strategy.reduce_boolean_decision(not finite, all=False):
            raise DivergenceError(f"{what} not finite at step {trainer.global_step}")


class LastStep(lightning.Callback):
    """Ends a run by a request to stop, so that the weights of its last step are validated too."""

    def __init__(self, max_steps: int) -> None:
        self._max_steps = max_steps

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """After every step."""
        if trainer.global_step >= self._max_steps:
            trainer.should_stop = True


class Kept(ModelCheckpoint):
    """Weights in a folder, which may have been moved since its checkpoints were written."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there, with the files of this folder."""
        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        here = {name: self._here(state_dict[name]) for name in paths}
        best = {self._here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict(state_dict | here | {"best_k_models": best, "dirpath": self.dirpath})

    def _here(self, path: str) -> str:
        """A file of the same name, whichever system named it."""
        return os.path.join(str(self.dirpath), PureWindowsPath(path).name) if path else path


class Patience(EarlyStopping):
    """Ends a run whose scores get no better; one that ended so and is resumed has ended."""

    def on_train_start(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Look at what was resumed."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class Told(lightning.Callback):
    """Tells a function how many steps are done.

    Args:
        progress: called as progress(done, total).
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total = progress, total

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """After every step."""
        self._progress(trainer.global_step, self._total)
