"""What watches a run."""

from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import EarlyStopping

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
