"""The module that Lightning trains: windows in, a loss out."""

import time
from collections.abc import Iterator
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from toto.finetuning.generations import generation_of
from toto.finetuning.settings import Plan
from toto.finetuning.validation import Validation
from toto.finetuning.windows import WindowBatch, Windows
from toto.inference.models import Model
from toto.model.scheduler import learning_rate_factor

MOST_WARMUP_STEPS = 30


class FineTuner(lightning.LightningModule):
    """One run on one model.

    Lightning logs `loss` at every step and `score`, the mean of the validation losses, at every validation.

    Args:
        toto: the model, of either generation; what does not require gradients stays as it is.
    """

    def __init__(self, toto: Model, plan: Plan, windows: Windows, validation: Validation) -> None:
        super().__init__()
        self.toto = toto
        self._generation = generation_of(toto)
        self.plan = plan
        self.settings = plan.settings
        self.windows = windows
        self.validation = validation
        self.seconds = 0.0  # of this run, those before it was resumed included
        self._since = time.perf_counter()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; matrices decay, labels and readouts have a higher rate."""
        groups: dict[tuple[float, float], dict[str, Any]] = {}
        for name, parameter in self.toto.named_parameters():
            if parameter.requires_grad:
                is_label = name.endswith("variate_label")
                factor = self.settings.label_factor if is_label else self._generation.rate_factor(name)
                decay = self.settings.weight_decay if parameter.ndim > 1 else 0.0
                group = {"params": [], "factor": float(factor), "weight_decay": float(decay)}
                groups.setdefault((factor, decay), group)["params"].append(parameter)
        return torch.optim.AdamW(list(groups.values()), betas=(0.9, 0.98))

    def train_dataloader(self) -> DataLoader[WindowBatch]:
        """Batches by their numbers, from that of the step a resumed run is at."""
        first, every = self.global_step, self.trainer.world_size
        batches = _Batches(self.windows, first * every + self.global_rank, every)
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> list[int]:
        """One step: all windows at once."""
        return [0]

    def training_step(self, batch: WindowBatch, _: int) -> Tensor:
        """The loss of a batch."""
        self._set_learning_rate()
        # dropout must not depend on where a run was resumed
        torch.manual_seed(self.settings.seed * 1_000_003 + self.global_step)
        loss = self._generation.loss(batch)
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, *_: Any) -> None:
        """The score of the weights as they are."""
        losses = self.validation.losses(self.toto, self.plan.context)
        self.log("score", float(np.mean(losses)), prog_bar=True, batch_size=1, sync_dist=True)

    def progress(self) -> float:
        """The share of the run that is done, by its steps or its time."""
        steps = self.global_step / self.plan.max_steps
        limit = self.settings.time_limit
        return steps if limit is None else max(steps, self.elapsed() / limit)

    def elapsed(self) -> float:
        """Seconds of training and validation."""
        return self.seconds + time.perf_counter() - self._since

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the time."""
        checkpoint["seconds"] = self.elapsed()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the time."""
        self.seconds, self._since = checkpoint["seconds"], time.perf_counter()

    def on_train_start(self) -> None:
        """Let dropout act, and end a resumed run whose time was up."""
        self.toto.train()
        self._end_in_time()

    def on_train_batch_end(self, *_: Any) -> None:
        """End a run whose time is up."""
        self._end_in_time()

    def _end_in_time(self) -> None:
        if self.settings.time_limit is not None and self.elapsed() >= self.settings.time_limit:
            self.trainer.should_stop = True

    def _set_learning_rate(self) -> None:
        progress, share = self.progress(), self.settings.warmup_share
        warmup = min(round(share * self.plan.max_steps), MOST_WARMUP_STEPS)
        # where the time is the limit, a run is further than its steps tell
        step = max(self.global_step, round(warmup * progress / share))
        factor = learning_rate_factor(step, progress, warmup, self.settings.decay_share)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self.plan.learning_rate * factor * group["factor"]


class _Batches(IterableDataset[WindowBatch]):
    """The batches with the numbers first, first + every, ..."""

    def __init__(self, windows: Windows, first: int, every: int) -> None:
        self._windows, self._first, self._every = windows, first, every

    def __iter__(self) -> Iterator[WindowBatch]:
        number = self._first
        while True:
            yield self._windows.batch(number)
            number += self._every
