"""Checkpoints of a run: everything a resumed run needs, each complete or absent.

    OUT/run.json                      the configuration of the run
    OUT/loss.csv                      one line per logged step
    OUT/step-00001200/model/          averaged weights in float32, loadable by `Toto.from_pretrained`
    OUT/step-00001200/weights.safetensors, optimiser.pt, state.json

A checkpoint is written under another name and then renamed, so that a run killed at any time
finds the one before it. The optimiser's state is read with `weights_only=True`: nothing is unpickled.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from toto.errors import CheckpointError
from toto.model.toto import Toto

MODEL_FOLDER = "model"
WEIGHTS_FILE = "weights.safetensors"
OPTIMISER_FILE = "optimiser.pt"
STATE_FILE = "state.json"
NUM_KEPT = 2


@dataclass(frozen=True)
class RunState:
    """How far a run has come: steps done, seconds trained, patches seen (padding included)."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0


def save_checkpoint(
    out: Path, state: RunState, model: Toto, averaged: Toto, optimiser: torch.optim.Optimizer
) -> Path:
    """Write one checkpoint and delete all but the newest few; returns its folder."""
    folder = out / f"step-{state.step:08d}"
    unfinished = out / f"unfinished-{state.step:08d}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    averaged.save_pretrained(unfinished / MODEL_FOLDER)
    weights = {name: w.detach().cpu().contiguous() for name, w in model.state_dict().items()}
    save_file(weights, unfinished / WEIGHTS_FILE)
    torch.save(optimiser.state_dict(), unfinished / OPTIMISER_FILE)
    (unfinished / STATE_FILE).write_text(json.dumps(asdict(state)) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)
    for old in list_checkpoints(out)[:-NUM_KEPT]:
        shutil.rmtree(old)
    return folder


def list_checkpoints(out: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    return sorted(out.glob("step-*"))


def load_checkpoint(folder: Path, model: Toto, averaged: Toto, optimiser: torch.optim.Optimizer) -> RunState:
    """Put a checkpoint into the model, its average and the optimiser; returns how far the run was.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights are of another model.
    """
    try:
        state = RunState(**json.loads((folder / STATE_FILE).read_text()))
        weights = load_file(folder / WEIGHTS_FILE)
        optimiser_state = torch.load(folder / OPTIMISER_FILE, weights_only=True, map_location=model.device)
        model.load_state_dict(weights)
        averaged.load_state_dict(load_file(folder / MODEL_FOLDER / "model.safetensors"))
        optimiser.load_state_dict(optimiser_state)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CheckpointError(
            f"{folder} cannot be resumed ({reason}): delete it to go on from the one before"
        ) from error
    return state
