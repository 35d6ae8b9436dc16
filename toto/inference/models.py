"""A model of either generation, by the name of its checkpoint."""

from pathlib import Path
from typing import Any

import torch

from toto.inference.forecaster import TotoForecaster
from toto.inference.forecaster2 import Toto2Forecaster
from toto.model import checkpoint
from toto.model.toto import DEFAULT_MODEL, Toto
from toto.model2.toto2 import Toto2Model

Model = Toto | Toto2Model
Forecaster = TotoForecaster | Toto2Forecaster


def load_model(
    name: str | Path = DEFAULT_MODEL,
    *,
    map_location: str | torch.device = "cpu",
    torch_dtype: str | torch.dtype | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
    token: str | bool | None = None,
    **loading: Any,
) -> Model:
    """A model of the generation that its `config.json` tells; see `Toto.from_pretrained`.

    Args:
        name: a bundled model, a folder, a .safetensors file with its config.json beside it, or a hub id.
        loading: `strict` and fields of the configuration.

    Raises:
        CheckpointError: no such model.
        ConfigError: no such field.
    """
    hub: dict[str, Any] = {
        "revision": revision,
        "cache_dir": cache_dir,
        "local_files_only": local_files_only,
        "token": token,
    }
    path = checkpoint.locate(name, force_download=force_download, **hub)
    where: dict[str, Any] = {"map_location": map_location, "torch_dtype": torch_dtype}
    kind = Toto if checkpoint.generation(path) == 1 else Toto2Model
    return kind.from_pretrained(name, **where, **hub, **loading)  # by its name, which it remembers


def forecaster_of(model: Any) -> Forecaster:
    """What forecasts with a model, a backbone, or a forecaster, which is returned as it is.

    Raises:
        InputError: something else.
    """
    if isinstance(model, (TotoForecaster, Toto2Forecaster)):
        return model
    return Toto2Forecaster(model) if isinstance(model, Toto2Model) else TotoForecaster(model)


def draws_paths(model: Any) -> bool:
    """Whether forecasts of a model, or a forecaster, are sample paths; else they are quantiles."""
    return not isinstance(model, (Toto2Model, Toto2Forecaster))
