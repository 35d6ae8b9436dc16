"""Checkpoints of a run: everything a resumed run needs, each complete or absent.

    OUT/run.json                      the configuration of the run
    OUT/loss.csv                      one line per logged step
    OUT/held_out.csv                  the loss on series that no step trains on
    OUT/snapshots/step-00001000/      averaged weights in bfloat16, if asked for
    OUT/step-00001200/model/          averaged weights in float32, loadable by `Toto.from_pretrained`
    OUT/step-00001200/weights.safetensors, optimisers.pt, state.json

A checkpoint is written under another name and then renamed, so that a run killed at any time
finds the one before it. The optimisers' state is read with `weights_only=True`: nothing is unpickled.
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
from toto.training.optimiser import Optimisers

MODEL_FOLDER = "model"
WEIGHTS_FILE = "weights.safetensors"
OPTIMISERS_FILE = "optimisers.pt"
STATE_FILE = "state.json"
NUM_KEPT = 2


@dataclass(frozen=True)
class RunState:
    """How far a run has come: steps done, seconds trained, patches seen (padding included)."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0


def save_checkpoint(out: Path, state: RunState, model: Toto, averaged: Toto, optimisers: Optimisers) -> Path:
    """Write one checkpoint and delete all but the newest few; returns its folder."""
    folder = out / f"step-{state.step:08d}"
    unfinished = out / f"unfinished-{state.step:08d}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    averaged.save_pretrained(unfinished / MODEL_FOLDER)
    weights = {name: w.detach().cpu().contiguous() for name, w in model.state_dict().items()}
    save_file(weights, unfinished / WEIGHTS_FILE)
    torch.save(optimisers.state_dicts(), unfinished / OPTIMISERS_FILE)
    (unfinished / STATE_FILE).write_text(json.dumps(asdict(state)) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)
    for old in list_checkpoints(out)[:-NUM_KEPT]:
        shutil.rmtree(old)
    return folder


def list_checkpoints(out: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    return sorted(out.glob("step-*"))


def load_checkpoint(folder: Path, model: Toto, averaged: Toto, optimisers: Optimisers) -> RunState:
    """Put a checkpoint into the model, its average and the optimisers; returns how far the run was.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights are of another model.
    """
    try:
        state = RunState(**json.loads((folder / STATE_FILE).read_text()))
        weights = load_file(folder / WEIGHTS_FILE)
        states = torch.load(folder / OPTIMISERS_FILE, weights_only=True, map_location=model.device)
        model.load_state_dict(weights)
        averaged.load_state_dict(load_file(folder / MODEL_FOLDER / "model.safetensors"))
        optimisers.load_state_dicts(states)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CheckpointError(
            f"{folder} cannot be resumed ({reason}): delete it to go on from the one before"
        ) from error
    return state
