"""Toto as a predictor of GluonTS (extra `gluonts`): forecasts of datasets, for its evaluations."""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, SupportsIndex

import torch

from toto.data.masked_timeseries import MaskedTimeseries
from toto.errors import CheckpointError, InputError, MissingExtraError
from toto.inference.arguments import count, count_or_auto, seed_number
from toto.inference.forecast import Forecast
from toto.inference.forecaster import TotoForecaster
from toto.inference.gluonts_forecast import TotoSampleForecast, TotoSampleForecastGenerator
from toto.inference.gluonts_items import Item, check_dataset, read_batches
from toto.inference.memory import estimate_memory
from toto.inference.memory.budget import memory_budget, tokens_at_once
from toto.model.precision import precision_to_restore
from toto.model.toto import Toto

try:
    from gluonts.model.predictor import Predictor
    from tqdm import tqdm
except ModuleNotFoundError as error:
    raise MissingExtraError("gluonts", "gluonts", "the GluonTS predictor") from error

_FILE, _MODEL = "predictor.json", "model"
_SETTINGS = (
    "prediction_length",
    "context_length",
    "samples_per_batch",
    "num_samples",
    "seed",
    "variance_reduction",
    "keep_distribution",
)
_PASSES_READ_AHEAD = 8  # of the model; among so many, items of equal length find each other
_SHARE_OF_RESULTS = 0.25  # of the memory of a call


@dataclass(frozen=True)
class Multivariate:
    """The variates of an item see each other, items never do; a target [time] is an item of one variate.

    batch_size: items that are read ahead and forecast together at most; "auto": as many as are faster
        together and fit in memory. The forecasts do not depend on it.
    """

    batch_size: SupportsIndex | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        count_or_auto("batch_size", self.batch_size)


_AUTO = Multivariate()


class TotoPredictor(Predictor):
    """Forecasts every item of a GluonTS dataset with one model.

    Items may have any lengths and frequencies, with or without `item_id`; NaN in a target is missing. An item
    has the same forecast in any batch; its randomness depends on the seed and on its place in the dataset.
    Other fields of items, such as covariates, are not read.

    Args:
        model: a `Toto` or its backbone.
        prediction_length: steps to forecast.
        context_length: steps at the end of a target that the model sees, at most.
        mode: a `Multivariate`; how items are batched.
        samples_per_batch: paths decoded together at most, as in `TotoForecaster.forecast`.
        num_samples: paths of each item where `predict` names no number, as `evaluate_model` never does; None:
            the mean path alone, as one sample.
        seed: makes the paths repeatable; None: every `predict` draws one from the global random state.
        variance_reduction, keep_distribution: as in `TotoForecaster.forecast`; with the latter, mean and
            quantiles of the forecasts are those of the distribution.

    Raises:
        InputError: an argument that breaks a rule; the message names it.
    """

    def __init__(
        self,
        model: Any,
        prediction_length: SupportsIndex,
        context_length: SupportsIndex,
        mode: Any = _AUTO,
        samples_per_batch: SupportsIndex | Literal["auto"] = "auto",
        *,
        num_samples: SupportsIndex | None = 256,
        seed: SupportsIndex | None = None,
        variance_reduction: bool = False,
        keep_distribution: bool = False,
    ) -> None:
        super().__init__(count("prediction_length", prediction_length))
        if not isinstance(mode, Multivariate):
            raise InputError(f"mode must be a Multivariate, got {mode!r}: pass Multivariate(batch_size=...)")
        self.forecaster = TotoForecaster(model)
        self.context_length = count("context_length", context_length)
        self.mode = mode
        self.samples_per_batch = count_or_auto("samples_per_batch", samples_per_batch) or "auto"
        self.num_samples = None if num_samples is None else count("num_samples", num_samples)
        self.seed = None if seed is None else seed_number(seed)
        self.variance_reduction = variance_reduction
        self.keep_distribution = keep_distribution

    @classmethod
    def create_for_eval(
        cls,
        model: Any,
        prediction_length: SupportsIndex,
        context_length: SupportsIndex,
        mode: Any = _AUTO,
        samples_per_batch: SupportsIndex | Literal["auto"] = "auto",
        **options: Any,
    ) -> "TotoPredictor":
        """A predictor, as toto-ts makes it; `options` are the further arguments of the class."""
        return cls(model, prediction_length, context_length, mode, samples_per_batch, **options)

    def predict(
        self,
        dataset: Iterable[Any],
        num_samples: SupportsIndex | None = None,
        use_kv_cache: bool = True,
        eval: bool = True,
        *,
        progress: bool = False,
    ) -> Iterator[TotoSampleForecast]:
        """The forecasts of all items, in order, made batch by batch as they are asked for.

        Args:
            dataset: entries with "target" [time] or [variates, time], "start" (a `pandas.Period`) and
                perhaps "item_id". It is read once, a few batches ahead; a generator will do.
            num_samples: sample paths of each item; None: that of the predictor.
            use_kv_cache: as in `TotoForecaster.forecast`.
            eval: taken for the sake of code for toto-ts; forecasts never use dropout or gradients.
            progress: True shows a bar on stderr.

        Raises:
            InputError: an argument that breaks a rule, at once; an entry that does, when it is reached.
        """
        check_dataset(dataset)
        paths = self.num_samples if num_samples is None else count("num_samples", num_samples)
        request = partial(
            self.forecaster.forecast,
            prediction_length=self.prediction_length,
            num_samples=paths,
            samples_per_batch=self.samples_per_batch,
            use_kv_cache=use_kv_cache,
            seed=int(torch.randint(2**63 - 1, ())) if self.seed is None else self.seed,
            variance_reduction=self.variance_reduction,
            keep_distribution=self.keep_distribution,
        )
        batches = read_batches(dataset, self.context_length, *self._weights(paths))
        total = len(dataset) if isinstance(dataset, Sized) else None
        return _forecasts(batches, request, partial(tqdm, total=total, unit="item", disable=not progress))

    def serialize(self, path: Path) -> None:
        """Write the predictor with its weights to a folder: safetensors and JSON."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        super().serialize(path)
        settings = {name: getattr(self, name) for name in _SETTINGS} | asdict(self.mode)
        backbone = self.forecaster.model
        settings["torch_dtype"] = precision_to_restore(backbone)
        (path / _FILE).write_text(json.dumps(settings, indent=2, default=int) + "\n", encoding="utf-8")
        with torch.device("meta"):
            toto = Toto.from_config(backbone.config)
        toto.model = backbone
        toto.save_pretrained(path / _MODEL)

    @classmethod
    def deserialize(cls, path: Path, device: str | torch.device = "cpu") -> "TotoPredictor":
        """The predictor that `serialize` wrote, with its weights on `device`.

        Raises:
            CheckpointError: no such predictor, or damaged files.
        """
        path = Path(path)
        try:
            settings = json.loads((path / _FILE).read_text(encoding="utf-8"))
            mode, torch_dtype = Multivariate(settings.pop("batch_size")), settings.pop("torch_dtype")
            model = Toto.from_pretrained(path / _MODEL, map_location=device, torch_dtype=torch_dtype)
            return cls(model, mode=mode, **settings)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{path} holds no TotoPredictor that can be read: {error!r}") from error

    def _weights(self, num_samples: int | None) -> tuple[Callable[[Item], float], float]:
        """The weight of an item, and that of what is read ahead, for `read_batches`."""
        if self.mode.batch_size != "auto":
            return lambda item: 1.0, float(self.mode.batch_size)
        model = self.forecaster.model
        fast = _PASSES_READ_AHEAD * tokens_at_once(model.device)
        one = estimate_memory(
            model,
            context_length=self.context_length,
            prediction_length=self.prediction_length,
            num_samples=num_samples,
            keep_distribution=self.keep_distribution,
            series_dtype=torch.float64,
        )
        budget = _SHARE_OF_RESULTS * memory_budget(model.device)

        def weigh(item: Item) -> float:
            variates, steps = item.series.series.shape
            tokens = -(-steps // model.config.stride)
            return variates * max(tokens / fast, (8 * steps + one.results) / budget)

        return weigh, 1.0


def _forecasts(
    batches: Iterator[dict[str, list[Any]]], request: Callable[..., Any], make_bar: Callable[[], tqdm]
) -> Iterator[TotoSampleForecast]:
    """The forecasts of all batches; the bar counts the items that the model is done with."""

    def forecast(series: list[MaskedTimeseries], series_id: list[int]) -> list[Forecast]:
        done_before = bar.n

        def show(done: int, total: int) -> None:
            bar.update(done_before + done * len(series) // total - bar.n)

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* hold no real value")  # read_batches counts them
            return request(series, series_ids=series_id, progress=None if bar.disable else show)

    generate = TotoSampleForecastGenerator()
    with make_bar() as bar:
        yield from generate(batches, forecast, input_names=("series", "series_id"))
