"""Toto 2.0 as a predictor of GluonTS (extra `gluonts`), with the published names and defaults."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import torch
from jaxtyping import Float

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import CheckpointError, InputError, MissingExtraError
from toto.inference.arguments import count, one_of
from toto.inference.forecaster2 import Toto2Forecaster
from toto.inference.gluonts_items import Item, check_dataset, read_item
from toto.inference.quantile_forecast import check_levels
from toto.model.precision import precision_to_restore
from toto.model2.toto2 import LEVELS, Toto2Model

try:
    from gluonts.model.forecast import QuantileForecast
    from gluonts.model.predictor import Predictor
except ModuleNotFoundError as error:
    raise MissingExtraError("gluonts", "gluonts", "the GluonTS predictor") from error

_FILE, _MODEL = "predictor.json", "model"
_WAY_OUT = "ask the forecasts of GluonTS for others, which it extrapolates"

Rows = Float[np.ndarray, "covariates time"]


@dataclass(frozen=True)
class Toto2GluonTSModelConfig:
    """How items are forecast; names and defaults are those of the published package.

    context_length: steps of context and horizon that the model sees in all, but for the horizon's last patch.
    target_dim: variates of every target; 1 for targets [time], None for targets of any kind.
    past_feat_dynamic_real_dim: rows of "past_feat_dynamic_real", covariates known up to the last step.
    feat_dynamic_real_dim: rows of "feat_dynamic_real", known over the horizon too.
    decode_block_size, scaler_fallback_min_obs, quantile_real_cap_k: as in `Toto2Model.forecast`.
    has_missing_values, imputation_internal: accepted and checked; what is missing stays missing.
    quantiles: levels of the forecasts, from 0.1 to 0.9; between those of the model they are interpolated.

    Raises:
        InputError: a value that breaks a rule; the message names it.
    """

    prediction_length: int
    context_length: int
    target_dim: int | None
    past_feat_dynamic_real_dim: int = 0
    feat_dynamic_real_dim: int = 0
    decode_block_size: int | None = None
    has_missing_values: bool = True
    quantiles: Sequence[float] = LEVELS
    imputation_internal: str = "ffill"
    scaler_fallback_min_obs: int = 8
    quantile_real_cap_k: float = 1e4

    def __post_init__(self) -> None:
        for name in ("prediction_length", "context_length"):
            count(name, getattr(self, name))
        if self.target_dim is not None:
            count("target_dim", self.target_dim)
        one_of("imputation_internal", self.imputation_internal, ("ffill", "linear", "none"))
        check_levels("quantiles", list(self.quantiles), LEVELS, _WAY_OUT)

    def past_length(self, patch_size: int) -> int:
        """The last steps of a target that the model sees."""
        future_patches = -(-self.prediction_length // patch_size)
        steps = self.context_length - (future_patches - 1) * patch_size
        return max(patch_size, steps // patch_size * patch_size)


class Toto2GluonTSModel:
    """A model and its configuration, as the published package pairs them; `create_predictor` is its use."""

    def __init__(self, model: Toto2Model, config: Toto2GluonTSModelConfig) -> None:
        self.model = model
        self.config = config

    def to(self, device: str | torch.device) -> "Toto2GluonTSModel":
        """The same, with the model on a device."""
        self.model.to(device)
        return self

    def eval(self) -> "Toto2GluonTSModel":
        """The same: forecasts have no mode."""
        return self

    def create_predictor(
        self, batch_size: SupportsIndex = 256, device: str | torch.device | None = None
    ) -> "Toto2Predictor":
        """A predictor of GluonTS.

        Args:
            batch_size: items that are read ahead and forecast together at most.
            device: of the model (None: where it is).
        """
        if device is not None:
            self.to(device)
        return Toto2Predictor(self.model, self.config, batch_size)


class Toto2Predictor(Predictor):
    """Forecasts every item of a GluonTS dataset with quantiles.

    Items may have any lengths and frequencies; NaN is missing. The variates and covariates of an item see
    each other, items never do.

    Args:
        model: a `Toto2Model`.
        config: how items are forecast.
        batch_size: items that are read ahead and forecast together at most; no forecast depends on it.
    """

    def __init__(self, model: Any, config: Toto2GluonTSModelConfig, batch_size: SupportsIndex = 256) -> None:
        super().__init__(config.prediction_length)
        self.forecaster = Toto2Forecaster(model)
        self.config = config
        self.batch_size = count("batch_size", batch_size)

    def predict(
        self, dataset: Iterable[Any], num_samples: SupportsIndex | None = None
    ) -> Iterator[QuantileForecast]:
        """The forecasts of all items, in order, made batch by batch as they are asked for.

        Args:
            dataset: entries with "target", "start" (a `pandas.Period`), perhaps "item_id", and the covariates
                that the configuration names.
            num_samples: taken for the sake of GluonTS; quantiles are not drawn.

        Raises:
            InputError: an entry that breaks a rule, when it is reached; the message says which.
        """
        check_dataset(dataset)
        entries = enumerate(dataset)
        while batch := list(islice(entries, self.batch_size)):
            yield from self._forecast([self._read(entry, place) for place, entry in batch])

    def serialize(self, path: Path) -> None:
        """Write the predictor with its weights to a folder: safetensors and JSON."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        super().serialize(path)
        settings = {
            "config": asdict(self.config),
            "batch_size": self.batch_size,
            "torch_dtype": precision_to_restore(self.forecaster.model),
        }
        (path / _FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        self.forecaster.model.save_pretrained(path / _MODEL)

    @classmethod
    def deserialize(cls, path: Path, device: str | torch.device = "cpu") -> "Toto2Predictor":
        """The predictor that `serialize` wrote, with its weights on `device`.

        Raises:
            CheckpointError: no such predictor, or damaged files.
        """
        path = Path(path)
        try:
            settings = json.loads((path / _FILE).read_text(encoding="utf-8"))
            model = Toto2Model.from_pretrained(
                path / _MODEL, map_location=device, torch_dtype=settings["torch_dtype"]
            )
            return cls(model, Toto2GluonTSModelConfig(**settings["config"]), settings["batch_size"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{path} holds no Toto2Predictor that can be read: {error!r}") from error

    def _read(self, entry: Any, place: int) -> "_Read":
        """An entry of a dataset."""
        config, horizon = self.config, self.config.prediction_length
        num_past = config.past_length(self.forecaster.model.config.patch_size)
        item = read_item(entry, place, num_past)
        num_targets = item.series.series.shape[0]
        if config.target_dim not in (None, num_targets):
            raise InputError(
                f"dataset[{place}]: target must have as many variates as target_dim says, "
                f"{config.target_dim}, got {num_targets}; target_dim None takes targets of any kind"
            )
        num_steps = np.shape(entry["target"])[-1]
        past = _rows(entry, place, "past_feat_dynamic_real", config.past_feat_dynamic_real_dim, num_steps)
        known = _rows(entry, place, "feat_dynamic_real", config.feat_dynamic_real_dim, num_steps + horizon)
        seen = slice(max(0, num_steps - num_past), num_steps)
        rows = np.concatenate([item.series.series.numpy(), past[:, seen], known[:, seen]])
        series = MaskedTimeseries.from_array(rows, num_exogenous_variables=len(known))
        return _Read(item, series, known[:, num_steps:] if len(known) else None)

    def _forecast(self, batch: Sequence["_Read"]) -> Iterator[QuantileForecast]:
        config, levels = self.config, list(self.config.quantiles)
        forecasts = self.forecaster.forecast(
            [one.series for one in batch],
            config.prediction_length,
            config.decode_block_size,
            [one.known for one in batch],
            scaler_fallback_min_obs=config.scaler_fallback_min_obs,
            quantile_real_cap_k=config.quantile_real_cap_k,
        )
        for one, forecast in zip(batch, forecasts, strict=True):
            num_targets = one.item.series.series.shape[0]
            values = forecast.quantile(levels)[:, 0, :num_targets].transpose(1, 2).cpu().numpy()
            yield QuantileForecast(
                values[..., 0] if one.item.univariate else values,
                one.item.forecast_start,
                [f"{level:g}" for level in levels],
                one.item.item_id,
            )


class _Read(NamedTuple):
    """An item, its target with covariates behind it, and what is known of these over the horizon."""

    item: Item
    series: MaskedTimeseries
    known: Rows | None


def _rows(entry: Mapping[str, Any], place: int, name: str, dim: int, num_steps: int) -> Rows:
    """The covariates of an entry, [dim, num_steps]; none if dim is 0."""
    if dim == 0:
        return np.empty((0, num_steps))
    values = np.atleast_2d(np.asarray(entry.get(name, np.nan), dtype=float))
    if values.shape != (dim, num_steps):
        raise InputError(
            f"dataset[{place}]: {name} must be [{dim}, {num_steps}], as many rows as the configuration says "
            f"and as many steps as {'target and horizon' if name.startswith('feat') else 'target'}, "
            f"got {values.shape}"
        )
    return values
