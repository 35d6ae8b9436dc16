"""Around the runs of toto-ts: its benchmark's datasets and the configuration of each run."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from toto.data.csv import read_table
from toto.errors import MissingExtraError

HUB_DATASET = "autogluon/fev_datasets"


def parse_field(task: Mapping[str, Any], field: str, default_value: Any = None) -> list[str]:
    """The names in a field of a task of fev: one, or a list; the default where the field is absent."""
    value = task.get(field, default_value)
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def prepare_dataset(
    dataset_name: str | Path, target_fields: Sequence[str], ev_fields: Sequence[str] = ()
) -> dict[str, Any]:
    """A dataset as `get_datamodule` takes it.

    Args:
        dataset_name: a configuration of the datasets of fev on the hub (needs the package `datasets`), or a
            Parquet file with a series in every row and an array in every cell.
        target_fields: what is forecast.
        ev_fields: covariates that are known in the future.

    Raises:
        InputError: a file that cannot be read.
        MissingExtraError: `datasets` is not installed.
    """
    path = Path(dataset_name)
    return {
        "dataset_name": path.stem,
        "dataset": _rows_of_file(path) if path.suffix == ".parquet" else _rows_of_hub(str(dataset_name)),
        "target_fields": list(target_fields),
        "target_transform_fns": [drop_nan_fn] * len(target_fields),
        "ev_fields": list(ev_fields),
        "ev_transform_fns": [drop_nan_fn] * len(ev_fields),
    }


def drop_nan_fn(x: Any, encode_categorical: bool = True) -> Any:
    """The values as numbers: words by their place in the alphabet. NaN stays, as it is read as missing."""
    values = np.asarray(x)
    if encode_categorical and values.dtype.kind in "OSU":
        present = [value for value in values if value is not None]
        if any(isinstance(value, str) for value in present):
            places = {word: float(place) for place, word in enumerate(sorted(set(map(str, present))))}
            return np.array([np.nan if value is None else places[str(value)] for value in values])
    return values.astype(np.float64)


def get_config(
    base_config: Mapping[str, Any],
    model_name: str,
    dataset_name: str,
    add_exogenous_features: bool = False,
    horizon: int | None = None,
) -> dict[str, Any]:
    """A configuration for one model and dataset, with its own folder of checkpoints and name of logs."""
    config: dict[str, Any] = deepcopy(dict(base_config))
    for part in ("model", "data", "checkpoint", "logging"):
        config[part] = dict(config.get(part) or {})
    config["data"] |= {"add_exogenous_features": add_exogenous_features, "prediction_horizon": horizon}
    if horizon is not None:
        config["model"]["val_prediction_len"] = horizon
    folder = Path(config["checkpoint"].get("dirpath", "checkpoints"))
    config["checkpoint"]["dirpath"] = str(folder / model_name / dataset_name)
    config["logging"]["name"] = f"{model_name}_{dataset_name}"
    return config


def _rows_of_file(path: Path) -> list[dict[str, Any]]:
    return list(read_table(path).cells.rows(named=True))


def _rows_of_hub(name: str) -> Any:
    try:
        from datasets import load_dataset
    except ImportError:
        raise MissingExtraError("datasets", "fev", f"the dataset {name!r} of {HUB_DATASET}") from None
    return load_dataset(HUB_DATASET, name, split="train").with_format("numpy")
