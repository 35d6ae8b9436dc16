"""From data of any kind to forecasts, in three lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, SupportsIndex

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from toto.data.layout import Layout
from toto.errors import InputError
from toto.inference.arguments import count, flag, torch_device, whole_number
from toto.inference.forecast_distribution import quantile_levels
from toto.inference.forecaster import TotoForecaster
from toto.inference.pipeline_forecast import PipelineForecast
from toto.inference.pipeline_inputs import read_inputs
from toto.inference.pipeline_run import Settings, forecast_inputs
from toto.inference.progress import Progress
from toto.model.toto import DEFAULT_MODEL, Toto

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
DEFAULT_CONTEXT = 4096


class TotoPipeline:
    """Forecasts of data frames, arrays and lists with one model.

    Args:
        model: a loaded `Toto`.
    """

    def __init__(self, model: Toto) -> None:
        self.model = model
        self.forecaster = TotoForecaster(model)

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        device_map: Any = "auto",
        torch_dtype: str | torch.dtype | None = None,
        torch_compile: bool = False,
        compile_mode: str | None = None,
        **loading: Any,
    ) -> "TotoPipeline":
        """Load a model.

        Args:
            model: a bundled one ("toto-nano", works offline), a folder, a .safetensors file, or a hub id.
            device_map: a device, or {"": device}; "auto": a GPU of CUDA if there is one, else the processor.
            torch_dtype: "float32", "bfloat16", "float64" or "auto" (None: as stored).
            torch_compile: compile the layers; the first forecast then takes long, or `forecaster.warmup()`.
            compile_mode: that of `torch.compile`.
            loading: other arguments of `Toto.from_pretrained` (`revision`, `cache_dir`, ...).

        Raises:
            CheckpointError: no such model.
            InputError: no such device, dtype or mode.
        """
        place = _device(device_map)
        loaded = Toto.from_pretrained(model, map_location=place, torch_dtype=torch_dtype, **loading)
        if flag("torch_compile", torch_compile):
            loaded.compile(**({} if compile_mode is None else {"mode": compile_mode}))
        return cls(loaded)

    def forecast(
        self,
        data: Any,
        horizon: SupportsIndex,
        *,
        columns: str | Sequence[str] | None = None,
        id_column: str | None = None,
        time_column: str | None = None,
        group: str | None = None,
        multivariate: bool = False,
        future: Any = None,
        past_covariates: Sequence[str] = (),
        aggregate: str | None = None,
        day_first: bool | None = None,
        missing: str = "auto",
        context: SupportsIndex = DEFAULT_CONTEXT,
        num_samples: SupportsIndex = 32,
        quantile_levels: Sequence[float] = DECILES,
        seed: SupportsIndex | None = None,
        keep_samples: bool = True,
        progress: Progress | None = None,
    ) -> PipelineForecast:
        """Forecast the next `horizon` steps of every series.

        Series do not influence each other unless `multivariate` or `group` says so. Every series has its own
        regular time grid: rows may be in any order, steps without a row are missing values, and time stamps
        that jitter go to the nearest step; what was done to the rows is logged.

        Args:
            data: a data frame of pandas, polars or pyarrow. A *long* one has a series id, a time and one or
                several targets in every row; a *wide* one has a time and one column per series. Or an array
                or tensor [time], [variates, time] or [batch, variates, time]; or a list of series [time] or
                [variates, time] of any lengths. NaN is missing.
            horizon: steps to forecast.
            columns: the targets (None: `y` of a long frame, all of a wide one that are nothing else).
            id_column: makes a frame long (None: `unique_id`, if there is one).
            time_column: None: found by its name (ds, time, timestamp, date, ...) or its dates.
            group: column of a long frame; series with the same value in it see each other. The id column
                itself groups the targets of each series.
            multivariate: True lets all series of a frame see each other, or the variates of an array.
            future: a frame with the values of covariates in the future, under the names they have in `data`,
                beside the time and id columns. It must cover every step of every series.
            past_covariates: columns that help to forecast and are not forecast.
            aggregate: "mean", "sum", "min", "max", "first" or "last" of several rows on one step (None: an
                error).
            day_first: what 01/02/2026 is: True the 1st of February, False the 2nd of January (None: an error
                unless a day above 12 tells).
            missing: what missing values become: "model", what the model was trained to read them as;
                "interpolate", straight lines; "auto": "model", except for models that read them as 0, as
                published ones do: in series far from 0 that makes wild forecasts.
            context: the last steps of a series that the model sees.
            num_samples: sample paths, best a power of 2. Quantiles come from their distributions: those of 32
                are as close as those of 256 drawn values. Probabilities of paths (`probability`,
                `time_to_threshold`, `aggregate`) are shares of paths: for these take 256 or more.
            quantile_levels: those of `to_frame`. Of a small forecast any others can be asked for later; of a
                large one (distributions of more than 256 MiB) only these are kept.
            seed: makes the paths repeatable (None: from the global random state). A series draws the same
                ones by its name, or in arrays by its place, whichever others there are.
            keep_samples: False keeps no paths, to save memory in very large forecasts.
            progress: called as progress(done, total) as parts are done.

        Raises:
            InputError: data or an argument that breaks a rule; the message names it and the place.
        """
        steps = count("horizon", horizon)
        settings = Settings(
            steps,
            count("context", context),
            count("num_samples", num_samples),
            _levels(quantile_levels),
            _seed(seed),
            flag("keep_samples", keep_samples),
            _one_of("missing", missing, ("auto", "model", "interpolate")),
        )
        layout = Layout(
            time_column,
            [columns] if isinstance(columns, str) else columns,
            id_column,
            group,
            flag("multivariate", multivariate),
            tuple(past_covariates),
            aggregate,
            day_first,
        )
        inputs = read_inputs(data, layout, future, steps)
        return forecast_inputs(self.forecaster, inputs, settings, progress)

    def predict(
        self,
        context: Any,
        prediction_length: SupportsIndex,
        num_samples: SupportsIndex = 256,
        samples_per_batch: SupportsIndex | Literal["auto"] = "auto",
        *,
        seed: SupportsIndex | None = None,
    ) -> list[Float[Tensor, "samples *variates horizon"]]:
        """Sample paths of each context, for code in the style of other pipelines.

        Args:
            context: one series [time]; several [batch, time] or [batch, variates, time]; or a list of series
                [time] or [variates, time]. The variates of one see each other.
            prediction_length: steps to forecast.
            num_samples, samples_per_batch, seed: as in `TotoForecaster.forecast`.

        Returns:
            For each context a tensor in main memory, [num_samples, prediction_length], or
            [num_samples, variates, prediction_length] for one with an axis of variates.

        Raises:
            InputError: an argument that breaks a rule.
        """
        if len(context) == 0:
            raise InputError("context must hold at least one series, got none")
        single = np.ndim(context) == 1 if hasattr(context, "ndim") else np.ndim(context[0]) == 0
        entries = [context] if single else list(context)
        forecasts = self.forecaster.forecast(
            entries, prediction_length, count("num_samples", num_samples), samples_per_batch, seed=seed
        )
        paths = [forecast.samples[0].movedim(-1, 0).cpu() for forecast in forecasts]  # type: ignore[index]
        return [
            some[:, 0] if np.ndim(entry) == 1 else some for some, entry in zip(paths, entries, strict=True)
        ]


def _device(device_map: Any) -> torch.device:
    """The device of a `device_map`.

    Raises:
        InputError: it names several devices, or one that is not there.
    """
    place = device_map
    if isinstance(device_map, dict):
        if len(set(device_map.values())) != 1:
            raise InputError(f"device_map must name one device for the whole model, got {device_map!r}")
        place = next(iter(device_map.values()))
    if place in (None, "auto"):
        place = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch_device("device_map", place)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"device_map: {device} is not available here: {error}") from None
    return device


def _one_of(name: str, value: Any, known: Sequence[str]) -> str:
    if value not in known:
        raise InputError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    return str(value)


def _levels(levels: Any) -> tuple[float, ...]:
    """Quantile levels in ascending order, each once."""
    try:
        return tuple(sorted(set(quantile_levels(levels).reshape(-1).tolist())))
    except InputError:
        raise InputError(f"quantile_levels must be levels from 0 to 1, got {levels!r}") from None


def _seed(seed: Any) -> int:
    """The given seed, or one from the global random state, for all batches of a call."""
    if seed is None:
        return int(torch.randint(2**63 - 1, ()))
    number = whole_number(seed)
    if number is None or not 0 <= number < 2**63:
        raise InputError(f"seed must be a whole number from 0 to 2^63 - 1, got {seed!r}")
    return number
