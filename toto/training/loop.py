"""The pretraining loop: one model, one optimiser, one stream of batches, until the budget is spent."""

import copy
import functools
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from toto.errors import ConfigError
from toto.model.losses import Loss, pretraining_loss
from toto.model.scheduler import learning_rate_factor
from toto.model.toto import Toto
from toto.training.batches import Batch, batch_of_step
from toto.training.checkpoints import RunState, list_checkpoints, load_checkpoint, save_checkpoint
from toto.training.config import PretrainConfig
from toto.training.csv_log import CsvLog
from toto.training.gradients import GradientWorkers
from toto.training.held_out import COLUMNS as HELD_OUT_COLUMNS
from toto.training.held_out import held_out_batches, held_out_loss
from toto.training.loss_log import LossLog
from toto.training.optimiser import Optimisers
from toto.training.synthetic.stream import stream

logger = logging.getLogger(__name__)

RUN_FILE = "run.json"
LOSS_FILE = "loss.csv"
HELD_OUT_FILE = "held_out.csv"
SNAPSHOTS = "snapshots"
FINAL_FOLDER = "final"

Progress = Callable[[float, RunState, float], None]


@dataclass(frozen=True)
class PretrainResult:
    """Where the trained model lies (`Toto.from_pretrained` loads it) and how far the run went."""

    folder: Path
    state: RunState


class Run:
    """What changes from step to step: weights, their average, the optimisers, the step number."""

    def __init__(self, config: PretrainConfig, out: Path, device: torch.device) -> None:
        self.config = config
        self.out = out
        torch.manual_seed(config.seed)
        self.model = Toto.from_config(config.model).to(device).train()
        self.averaged = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.optimisers = Optimisers(self.model, config)
        self.workers = GradientWorkers(config.num_workers)
        self.state = RunState()
        found = list_checkpoints(out)
        if found:
            self.state = load_checkpoint(found[-1], self.model, self.averaged, self.optimisers)
            logger.info("resumed at step %d from %s", self.state.step, found[-1])

    def progress(self) -> float:
        """The share of the budget that is spent, 0 to 1 and above."""
        steps = self.state.step / self.config.num_steps if self.config.num_steps else 0.0
        minutes = self.state.seconds / 60 / self.config.minutes if self.config.minutes else 0.0
        return max(steps, minutes)

    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        factor = learning_rate_factor(
            self.state.step, self.progress(), self.config.warmup_steps, self.config.decay_share
        )
        return self.config.learning_rate * factor

    def step(self, batch: Batch) -> tuple[Loss, float]:
        """Train on one batch; returns its loss and the norm of the gradient before clipping.

        A gradient that is not finite leaves the weights as they are.
        """
        step, config = self.state.step, self.config
        # dropout must not depend on where a run was resumed
        torch.manual_seed(config.seed * 1_000_003 + step)
        parameters = list(self.model.parameters())
        loss = self.workers(self.loss, parameters, batch.to(self.model.device))
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, config.gradient_clip))
        if math.isfinite(norm):
            self.optimisers.step(self.learning_rate())
            self._average()
        else:
            logger.warning("step %d skipped: the gradient is not finite", step)
        return loss, norm

    def loss(self, batch: Batch) -> Loss:
        """The loss of the current weights on a batch."""
        half = self.config.precision == "bfloat16"
        with torch.autocast(batch.series.device.type, torch.bfloat16, enabled=half):
            output = self.model.model(*batch.inputs())
        sizes = self.config.model
        return pretraining_loss(output, batch.series, batch.observed, sizes.patch_size, sizes.stride)

    def save(self) -> None:
        """Write a checkpoint of this step."""
        save_checkpoint(self.out, self.state, self.model, self.averaged, self.optimisers)

    def snapshot(self) -> None:
        """Keep the averaged weights of this step, in bfloat16."""
        folder = self.out / SNAPSHOTS / f"step-{self.state.step:08d}"
        self.averaged.save_pretrained(folder, dtype=torch.bfloat16)

    @torch.no_grad()
    def _average(self) -> None:
        # the average follows the weights closely at first, when they move fast
        decay = min(self.config.ema_decay, (1 + self.state.step) / (10 + self.state.step))
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.model.parameters()), 1.0 - decay)


def pretrain(
    config: PretrainConfig,
    out: Path,
    *,
    device: str | torch.device = "cpu",
    generator_processes: int = 0,
    progress: Progress | None = None,
) -> PretrainResult:
    """Train from random weights, or from the newest checkpoint in `out`, until the budget is spent.

    Writes `run.json`, `loss.csv`, `held_out.csv` and checkpoints to `out` as it goes, the result to
    `out/final` in bfloat16. The series are made by `generator_processes` other processes, or between the
    steps where that is 0; they are the same. `progress(share, state, loss)` is called at every logged step.
    The global random states of the CPU and of `device` are left as they were.

    Raises:
        ConfigError: `out` holds a run of another configuration or is a file; there is no such device.
        CheckpointError: the newest checkpoint in `out` is damaged.
    """
    device = _usable(device)
    _claim_folder(config, out)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        run = Run(config, out, device)
        try:
            batches = stream(
                functools.partial(batch_of_step, config),
                run.state.step,
                num_processes=generator_processes,
                pinned=device.type == "cuda",
            )
            _train(run, batches, progress)
        finally:
            run.workers.close()
    run.save()
    folder = out / FINAL_FOLDER
    run.averaged.save_pretrained(folder, dtype=torch.bfloat16)
    return PretrainResult(folder, run.state)


def _train(run: Run, batches: Iterator[Batch], progress: Progress | None) -> None:
    log = LossLog(run.out / LOSS_FILE, run.state.step)
    held_out = HeldOutLog(run)
    saved_at = before = time.perf_counter()
    while run.progress() < 1.0:
        batch = next(batches)
        loss, norm = run.step(batch)
        now = time.perf_counter()
        tokens = batch.series.numel() // run.config.model.stride
        run.state = replace(
            run.state,
            step=run.state.step + 1,
            seconds=run.state.seconds + now - before,
            tokens=run.state.tokens + tokens,
        )
        before = now
        log.add(loss, norm)
        if run.state.step % run.config.log_every == 0 or run.progress() >= 1.0:
            mean_loss = log.write(run.state, run.learning_rate())
            if progress is not None:
                progress(run.progress(), run.state, mean_loss)
        if run.state.step % run.config.validate_every == 0:
            held_out.write()
        if run.config.snapshot_every and run.state.step % run.config.snapshot_every == 0:
            run.snapshot()
        if now - saved_at > 60 * run.config.checkpoint_minutes:
            run.save()
            saved_at = time.perf_counter()


class HeldOutLog:
    """The loss of the averaged weights on series that no step trains on, as a CSV file."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._batches = held_out_batches(run.config)
        self._log = CsvLog(run.out / HELD_OUT_FILE, HELD_OUT_COLUMNS, run.state.step)

    def write(self) -> None:
        """Append the losses of this step."""
        loss, state = held_out_loss(self._run.averaged, self._batches), self._run.state
        self._log.write(state.step, state.tokens, state.seconds, *(float(x) for x in loss[:3]))


def _usable(device: str | torch.device) -> torch.device:
    """The device, once a tensor has been there."""
    try:
        return torch.empty(0, device=device).device
    except (AssertionError, RuntimeError) as error:
        raise ConfigError(f"device {str(device)!r} cannot be used: {str(error).splitlines()[0]}") from error


def _claim_folder(config: PretrainConfig, out: Path) -> None:
    """Write the configuration into a new folder, or check it against that of the run found there."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"out must be a folder, got the file {out}")
    out.mkdir(parents=True, exist_ok=True)
    file = out / RUN_FILE
    if list_checkpoints(out) and file.is_file():
        differing = config.differences(PretrainConfig.from_file(file))
        if differing:
            raise ConfigError(
                f"{out} holds a run that differs in {', '.join(differing)}: "
                "resume with the same configuration or choose another folder"
            )
    file.write_text(json.dumps(config.to_dict(), indent=2) + "\n")
