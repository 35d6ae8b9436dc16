"""Low-rank adapters as files: small differences to the weights of another checkpoint, merged when read.

The files have the names and the layout of PEFT. Rows are in the order of published weights, so that the
differences can be added to those of any file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from toto.errors import CheckpointError, InputError
from toto.model import checkpoint
from toto.model.fingerprint import fingerprint
from toto.model.published_order import in_published_order

CONFIG_FILE, WEIGHTS_FILE = checkpoint.ADAPTER_FILES

_PREFIX = "base_model.model."  # what PEFT puts before the names of a model
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True)
class Adapter:
    """Differences of weights, scale * up @ down, and the labels of covariates.

    base: a bundled model, a folder, or a hub id.
    down: by the name of a linear map, [rank, inputs].
    up: likewise, [outputs, rank].
    labels: by the name of a weight.
    base_fingerprint: of the weights that the differences were made for, see `fingerprint`; None: not known.
    """

    base: str
    scale: float
    down: Mapping[str, Tensor]
    up: Mapping[str, Tensor]
    labels: Mapping[str, Tensor]
    base_fingerprint: str | None = None

    @classmethod
    def in_published_order(
        cls,
        model: nn.Module,
        base: str,
        scale: float,
        down: Mapping[str, Tensor],
        up: Mapping[str, Tensor],
        labels: Mapping[str, Tensor],
    ) -> "Adapter":
        """An adapter of the maps of a model in memory, whose rows are in the order that it has there."""
        published = {name: in_published_order(model, name, rows) for name, rows in up.items()}
        return cls(base, scale, down, published, labels)

    @classmethod
    def pointer(cls, base: str, weights: Mapping[str, Tensor]) -> "Adapter":
        """An adapter without differences: the base itself, whose weights these are."""
        return cls(base, 1.0, {}, {}, {}, fingerprint(weights))

    def check_base(self, weights: Mapping[str, Tensor]) -> None:
        """Raise unless these are the weights that the differences were made for.

        Raises:
            CheckpointError: the base has changed.
        """
        if self.base_fingerprint not in (None, fingerprint(weights)):
            raise CheckpointError(
                f"{self.base} holds other weights now than those the adapter was trained on: bring them "
                "back, or fine-tune anew"
            )

    def merged(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of the base, by their published names, with the differences added.

        In float64, so that the result does not depend on the machine.
        """
        merged = dict(weights)
        for name, down in self.down.items():
            weight = weights[f"{name}.weight"]
            up, down = (t.to(weight.device, torch.float64) for t in (self.up[name], down))
            merged[f"{name}.weight"] = (weight.double() + self.scale * (up @ down)).to(weight.dtype)
        return merged | {
            name: label.to(next(iter(merged.values())).device) for name, label in self.labels.items()
        }

    def write(self, folder: Path, config: Mapping[str, Any], dtype: torch.dtype | None = None) -> None:
        """Write the adapter and the configuration of the model to a folder, which is made if it is absent.

        Raises:
            InputError: the folder is that of the base.
        """
        check_place(self.base, folder)
        rank = max((len(rows) for rows in self.down.values()), default=1)
        about = {
            "peft_type": "LORA",
            "base_model_name_or_path": self.base,
            "r": rank,
            "lora_alpha": self.scale * rank,
            "target_modules": sorted(name.removeprefix("model.") for name in self.down),
            "base_fingerprint": self.base_fingerprint,
        }
        tensors = {f"{_PREFIX}{name}{_DOWN}": t for name, t in self.down.items()}
        tensors |= {f"{_PREFIX}{name}{_UP}": t for name, t in self.up.items()}
        tensors |= self.labels
        if dtype is not None:
            tensors = {name: t.to(dtype) for name, t in tensors.items()}
        of_a_model_there_before = (checkpoint.WEIGHTS_FILE, checkpoint.INDEX_FILE)
        objects = {CONFIG_FILE: about, checkpoint.CONFIG_FILE: config}
        checkpoint.write_files(folder, objects, WEIGHTS_FILE, tensors, stale=of_a_model_there_before)


def check_place(base: str | Path, folder: Path) -> None:
    """Raise where an adapter would replace its own base.

    Raises:
        InputError: the folder is that of the base.
    """
    place = Path(base).expanduser().resolve()
    if place.exists() and folder.resolve() == (place if place.is_dir() else place.parent):
        raise InputError(f"{folder} is the folder of the base, to which the adapter points: choose another")


def holds_adapter(path: Path) -> bool:
    """Whether a checkpoint is a folder with an adapter rather than with weights."""
    weights = (checkpoint.WEIGHTS_FILE, checkpoint.INDEX_FILE)
    return (path / CONFIG_FILE).is_file() and not any((path / name).is_file() for name in weights)


def read_adapter(folder: Path) -> Adapter:
    """The adapter in a folder.

    Raises:
        CheckpointError: a file that is missing or damaged.
    """
    try:
        about = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        tensors = {name: t.float() for name, t in load_file(folder / WEIGHTS_FILE).items()}
        return Adapter(
            str(about["base_model_name_or_path"]),
            about["lora_alpha"] / about["r"],
            _named(tensors, _DOWN),
            _named(tensors, _UP),
            {name: t for name, t in tensors.items() if not name.startswith(_PREFIX)},
            about.get("base_fingerprint"),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder} holds no readable adapter ({type(error).__name__}: {error})"
        ) from error


def read_merged(path: Path, map_location: str | torch.device) -> tuple[dict[str, Tensor], Adapter | None]:
    """The weights of a checkpoint, and the adapter that is merged into them if it is one.

    Raises:
        CheckpointError: the base of an adapter is not there, has changed, or is another model.
    """
    if not holds_adapter(path):
        return checkpoint.read_weights(path, map_location), None
    adapter = read_adapter(path)
    try:
        base, _ = read_merged(checkpoint.locate(adapter.base), map_location)
        adapter.check_base(base)
        return adapter.merged(base), adapter
    except (CheckpointError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds an adapter, whose base does not serve: {error}") from error


def _named(tensors: Mapping[str, Tensor], suffix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(_PREFIX).removesuffix(suffix): t
        for name, t in tensors.items()
        if name.endswith(suffix)
    }
