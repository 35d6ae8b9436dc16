"""From data of any kind to forecasts, in three lines."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from toto.data.covariates import Covariates
from toto.data.layout import Layout
from toto.data.table import is_table
from toto.errors import InputError
from toto.inference.arguments import count, flag
from toto.inference.compilation import RuntimeSettings
from toto.inference.models import Model, forecaster_of
from toto.inference.pipeline.arguments import (
    DECILES,
    DEFAULT_CONTEXT,
    forecast_layout,
    forecast_settings,
    history_layout,
    method_layout,
    names_of,
    names_or_arrays,
)
from toto.inference.pipeline.distribution import PipelineDistribution
from toto.inference.pipeline.fit_record import FitRecord
from toto.inference.pipeline.forecast import PipelineForecast
from toto.inference.pipeline.inputs import Inputs, read_inputs
from toto.inference.pipeline.predict import predict_paths, predict_quantiles
from toto.inference.pipeline.run import forecast_inputs
from toto.inference.progress import Progress
from toto.model.toto import DEFAULT_MODEL

if TYPE_CHECKING:  # rooms above this one, which its methods open when they are called
    from toto.alarms.series_watch import SeriesWatch
    from toto.anomaly.series_detection import SeriesDetection
    from toto.anomaly.series_scores import SeriesScores
    from toto.finetuning.result import FitResult
    from toto.streaming.series_stream import SeriesStream


class TotoPipeline:
    """Forecasts of data frames, arrays and lists with one model.

    Args:
        model: a loaded `Toto` or `Toto2Model`.

    record: of a fine-tuned model what its columns and covariates are; None for others.
    fit_result: what `fit` found, of the pipeline that it returned; None for others.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.forecaster = forecaster_of(model)
        self.record = FitRecord.of(model.config)
        self.fit_result: FitResult | None = None

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        device_map: Any = None,
        torch_dtype: str | torch.dtype | None = None,
        torch_compile: bool | None = None,
        compile_mode: str | None = None,
        **loading: Any,
    ) -> "TotoPipeline":
        """Load a model.

        Args:
            model: a bundled one ("toto-nano", works offline), a folder, a .safetensors file, or a hub id, of
                either generation: its config.json tells which.
            device_map: a device, or {"": device}; "auto": a GPU of CUDA if there is one, else the processor
                (None: the variable `TOTO_DEVICE`, else "auto").
            torch_dtype: "float32", "bfloat16", "float64" or "auto" (None: `TOTO_DTYPE`, else as stored).
            torch_compile: compile the layers; the first forecast then takes long, or `standard_warmup`
                (None: `TOTO_COMPILE` or `TOTO_DISABLE_COMPILE`, else False).
            compile_mode: that of `torch.compile` (None: `TOTO_COMPILE_MODE`, else "default").
            loading: other arguments of `load_model` (`revision`, `cache_dir`, ...).

        Raises:
            CheckpointError: no such model.
            InputError: no such device, dtype or mode; the message names the argument or the variable.
        """
        settings = RuntimeSettings.resolve(
            device_map=device_map,
            torch_dtype=torch_dtype,
            torch_compile=torch_compile,
            compile_mode=compile_mode,
        )
        return cls(settings.load(model, **loading))

    def forecast(
        self,
        data: Any,
        horizon: SupportsIndex,
        *,
        columns: str | Iterable[str] | None = None,
        id_column: str | None = None,
        time_column: str | None = None,
        group: str | None = None,
        multivariate: bool = False,
        future: Any = None,
        past_covariates: Any = (),
        aggregate: str | None = None,
        day_first: bool | None = None,
        missing: str = "auto",
        context: SupportsIndex | None = None,
        num_samples: SupportsIndex = 32,
        quantile_levels: Sequence[float] = DECILES,
        seed: SupportsIndex | None = None,
        keep_samples: bool = True,
        joint_draws: bool = False,
        tails: str = "error",
        decode_block_size: SupportsIndex | None = None,
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
            columns: the targets (None: of a wide frame all that are nothing else, of a long one `y`, or the
                only such).
            id_column: makes a frame long (None: `unique_id`, if there is one).
            time_column: None: found by its name (ds, time, timestamp, date, ...) or its dates.
            group: column of a long frame; series with the same value in it see each other. The id column
                itself groups the targets of each series.
            multivariate: True lets all series of a frame see each other, or the variates of an array.
            future: a frame with the values of covariates in the future, under the names they have in `data`,
                beside the time and id columns. It must cover every step of every series. A fine-tuned model
                reads from it the covariates it was trained with. Of arrays: these covariates from the first
                step of a series to the end of the horizon or further, [time + horizon] or [covariates, time +
                horizon]; of several series [batch, covariates, time + horizon], or a list with an array or
                None for each.
            past_covariates: columns that help to forecast and are not forecast. Of arrays: their values in
                the steps of a series, in the same shapes as `future`.
            aggregate: "mean", "sum", "min", "max", "first" or "last" of several rows on one step (None: an
                error).
            day_first: what 01/02/2026 is: True the 1st of February, False the 2nd of January (None: an error
                unless a day above 12 tells).
            missing: what missing values become: "model", what the model was trained to read them as;
                "interpolate", straight lines; "auto": "model", except for models that read them as 0, as
                published ones do: in series far from 0 that makes wild forecasts.
            context: the last steps of a series that the model sees (None: 4096; of a fine-tuned model as many
                as in training).
            num_samples: sample paths, best a power of 2. Quantiles come from their distributions: those of 32
                are as close as those of 256 drawn values. Probabilities of paths (`probability`,
                `time_to_threshold`, `aggregate`) are shares of paths: for these take 256 or more.
            quantile_levels: those of `to_frame`. Of a small forecast any others can be asked for later; of a
                large one (distributions of more than 256 MiB) only these are kept.
            seed: makes the paths repeatable (None: from the global random state). A series draws the same
                ones by its name, or in arrays by its place, whichever others there are.
            keep_samples: False keeps no paths, to save memory in very large forecasts.
            joint_draws: True draws the steps of a patch, and series that see each other, joined as the errors
                of the context were: for questions about whole paths. False draws each by itself, as the model
                does, in half the time: sums of paths are spread far too little, but their quantiles are those
                of more paths.
            tails: of models that predict quantiles (Toto 2.0: 0.1 to 0.9): "error" has none outside them,
                "exponential" those of `QuantileDistribution`, a stated model of what was not predicted. Such
                models draw no paths, and do not read `num_samples`, `seed`, `keep_samples` and `joint_draws`.
            decode_block_size: of such models: steps that are predicted at once, a multiple of the patch size,
                for horizons beyond about 1000 steps; None: all, which is fastest.
            progress: called as progress(done, total) as parts are done.

        Raises:
            InputError: data or an argument that breaks a rule; the message names it and the place.
        """
        settings = forecast_settings(
            horizon,
            context=self._context(context),
            num_samples=num_samples,
            quantile_levels=quantile_levels,
            seed=seed,
            keep_samples=keep_samples,
            joint_draws=joint_draws,
            missing=missing,
            tails=tails,
            decode_block_size=decode_block_size,
        )
        names, past = names_or_arrays(data, past_covariates)
        layout = forecast_layout(
            columns=columns,
            id_column=id_column,
            time_column=time_column,
            group=group,
            multivariate=multivariate,
            past_covariates=names,
            aggregate=aggregate,
            day_first=day_first,
        )
        inputs = self._read(data, layout, future, settings.horizon, past)
        return forecast_inputs(self.forecaster, inputs, settings, progress)

    def predict_distribution(
        self,
        data: Any,
        horizon: SupportsIndex,
        *,
        future: Any = None,
        past_covariates: Any = (),
        num_paths: SupportsIndex = 64,
        context: SupportsIndex | None = None,
        missing: str = "auto",
        seed: SupportsIndex | None = None,
        **layout: Any,
    ) -> PipelineDistribution:
        """The distribution of each of the next `horizon` steps: densities, probabilities, quantiles, draws.

        Up to the patch size it is the model's own and nothing is drawn; beyond, it is the mixture of what the
        model predicts given each of `num_paths` paths.

        Args:
            data, horizon, future, past_covariates, context, missing, seed: as in `forecast`.
            layout: `columns`, `id_column`, `time_column`, `group`, `multivariate`, `aggregate` and
                `day_first` of `forecast`.
            num_paths: paths that the steps behind the first patch are a mixture over.

        Raises:
            InputError: data or an argument that breaks a rule, or more numbers than 256 MiB.
        """
        steps, paths = count("horizon", horizon), count("num_paths", num_paths)
        exact = steps <= self.model.config.patch_size  # paths diverge after the first patch
        settings = forecast_settings(
            steps,
            context=self._context(context),
            num_samples=1 if exact else paths,
            seed=0 if exact and seed is None else seed,
            keep_samples=False,
            missing=missing,
            tails="exponential",
        )
        names, past = names_or_arrays(data, past_covariates)
        columns = method_layout(self.predict_distribution, {**layout, "past_covariates": names})
        inputs = self._read(data, columns, future, steps, past)
        return PipelineDistribution.of(forecast_inputs(self.forecaster, inputs, settings))

    def score(
        self,
        data: Any,
        *,
        max_steps_ahead: SupportsIndex | None = None,
        context: SupportsIndex = DEFAULT_CONTEXT,
        coverage: float = 0.99,
        **layout: Any,
    ) -> "SeriesScores":
        """How likely every step of a history was, given the steps before it alone; see `toto.anomaly.score`.

        Args:
            data: as in `forecast`. Missing values have a prediction and no score.
            max_steps_ahead: how far ahead a step may be predicted at most (None: the patch size, one pass).
            context: steps that a prediction sees at most; of a longer history at least half of them.
            coverage: of the interval from `low` to `high`.
            layout: `columns`, `id_column`, `time_column`, `group`, `multivariate`, `aggregate` and
                `day_first` of `forecast`.

        Returns:
            A sequence of one `Scores` for each series; `.to_frame()` shows all.

        Raises:
            InputError: data or an argument that breaks a rule.
        """
        from toto.anomaly.series_scores import score_series

        inputs = self._read_history(data, history_layout(self.score, layout))
        FitRecord.note_unread(self.model.config, "score")
        options = {"max_steps_ahead": max_steps_ahead, "context_length": context, "coverage": coverage}
        return score_series(self.model, inputs.series, inputs.kind, **options)

    def detect(
        self,
        data: Any,
        false_alarms: str | float = "1/1000 steps",
        *,
        clean: float | int = 0.5,
        detector: str = "deviation",
        combine: str = "simes",
        direction: str = "both",
        persistence: SupportsIndex = 1,
        cool_down: SupportsIndex = 10,
        floor: float | int | None = None,
        max_steps_ahead: SupportsIndex | None = None,
        context: SupportsIndex = DEFAULT_CONTEXT,
        interval_seconds: float | int | None = None,
        **layout: Any,
    ) -> "SeriesDetection":
        """Find anomalies in every series, with a threshold calibrated on its first part.

        Args:
            data: as in `forecast`; `multivariate=True` or `group` make one score of several series.
            false_alarms: events to expect of clean data, of each series: "1/week", "2/day", "1/5000 steps".
            clean: share of a series, from its start, to calibrate on: the cleaner, the better.
            detector: "deviation", "likelihood", "quantile" or "z-score".
            combine, direction, persistence, cool_down, floor, max_steps_ahead: as in `Detector`.
            context: steps that a prediction sees at most.
            interval_seconds: of a step, for a rate per time where the data has no time stamps.
            layout: `columns`, `id_column`, `time_column`, `group`, `multivariate`, `aggregate` and
                `day_first` of `forecast`.

        Returns:
            A sequence of one `Detection` for each series; `.events` and `.to_frame()` are frames,
            `.detectors` are fitted and can be saved, `.plot()` draws.

        Raises:
            InputError: data or an argument that breaks a rule, or a first part too short to calibrate on.
        """
        from toto.anomaly.series_detection import detect_in_series

        inputs = self._read_history(data, history_layout(self.detect, layout))
        FitRecord.note_unread(self.model.config, "detect")
        return detect_in_series(
            self.model,
            inputs.series,
            inputs.kind,
            detector=detector,
            clean=clean,
            interval_seconds=interval_seconds,
            false_alarms=false_alarms,
            combine=combine,
            direction=direction,
            persistence=persistence,
            cool_down=cool_down,
            floor=floor,
            max_steps_ahead=max_steps_ahead,
            context_length=context,
        )

    def stream(
        self,
        history: Any,
        *,
        context: SupportsIndex = DEFAULT_CONTEXT,
        one_step_ahead: bool = False,
        **layout: Any,
    ) -> "SeriesStream":
        """Live series, which keep what the model knows of their past: append, score, forecast, save.

        Args:
            history: as in `forecast`; even steps, and equally many variates in each series. What is appended
                later is of the same kind.
            context: steps that are remembered.
            one_step_ahead: True scores every step by a prediction made from all steps before it, for one
                token of work per step; False by the prediction of its patch, for one token per patch.
            layout: `columns`, `id_column`, `time_column`, `group`, `multivariate`, `aggregate` and
                `day_first` of `forecast`.

        Raises:
            InputError: a history or an argument that breaks a rule.
        """
        from toto.streaming.series_stream import SeriesStream

        columns = history_layout(self.stream, layout)
        FitRecord.note_unread(self.model.config, "stream")
        return SeriesStream.begin(
            self.forecaster,
            self._forecast,
            history,
            columns,
            max_context=count("context", context),
            one_step_ahead=flag("one_step_ahead", one_step_ahead),
        )

    def load_stream(self, path: str | Path) -> "SeriesStream":
        """The stream in a file that `stream.save` wrote, encoded anew by this model.

        Raises:
            CheckpointError: no such file, or not one of streams.
            InputError: streams without names, or a model of other patches.
        """
        from toto.streaming.series_stream import SeriesStream

        return SeriesStream.load(path, self.forecaster, self._forecast)

    def watch(
        self,
        history: Any,
        false_alarms: str | float = "1/1000 steps",
        *,
        detector: str = "deviation",
        combine: str = "simes",
        direction: str = "both",
        persistence: SupportsIndex = 1,
        cool_down: SupportsIndex = 10,
        floor: float | int | None = None,
        context: SupportsIndex = DEFAULT_CONTEXT,
        interval_seconds: float | int | None = None,
        **layout: Any,
    ) -> "SeriesWatch":
        """Live series that are watched: append steps as they arrive, get alarms at a wanted rate.

        Every step is compared with what was predicted of it from all steps before it.

        Args:
            history: as in `stream`; of every series at least 20 steps that can be scored. What is strange is
                learnt from its newest 4096 steps.
            false_alarms: alarms to expect of clean data, of each series: "1/week", "2/day", "1/5000 steps".
            detector: "deviation", "likelihood", "quantile" or "z-score".
            combine, direction, persistence, floor: as in `Detector`.
            cool_down: quiet steps after which a variate that was to blame is news again.
            context: steps that are remembered.
            interval_seconds: of a step, for a rate per time where the data has no time stamps.
            layout: `columns`, `id_column`, `time_column`, `group`, `multivariate`, `aggregate` and
                `day_first` of `forecast`.

        Raises:
            InputError: a history or an argument that breaks a rule.
        """
        from toto.alarms.series_watch import SeriesWatch

        columns = history_layout(self.watch, layout)
        FitRecord.note_unread(self.model.config, "watch")
        return SeriesWatch.begin(
            self.forecaster,
            self._forecast,
            history,
            columns,
            detector=detector,
            interval_seconds=interval_seconds,
            max_context=count("context", context),
            false_alarms=false_alarms,
            combine=combine,
            direction=direction,
            persistence=persistence,
            cool_down=cool_down,
            floor=floor,
        )

    def load_watch(self, path: str | Path) -> "SeriesWatch":
        """The watch in a file that `watch.save` wrote, with all that it learnt.

        Raises:
            CheckpointError: no such file, or not one of streams.
            InputError: streams that were not watched, or a model of other patches.
        """
        from toto.alarms.series_watch import SeriesWatch

        return SeriesWatch.load(path, self.forecaster, self._forecast)

    def fit(
        self,
        data: Any,
        horizon: SupportsIndex,
        *,
        known: str | Sequence[str] = (),
        past: str | Sequence[str] = (),
        static: str | Sequence[str] = (),
        calendar: str | Sequence[str] = (),
        holidays: str | None = None,
        mode: str = "full",
        max_steps: SupportsIndex | None = None,
        time_limit: float | int | None = None,
        val_fraction: float = 0.15,
        test_fraction: float | int = 0.0,
        context: SupportsIndex | None = None,
        batch_size: SupportsIndex | None = None,
        learning_rate: float | int | None = None,
        patience: SupportsIndex = 6,
        seed: SupportsIndex = 0,
        out: str | Path | None = None,
        progress: Progress | bool | None = None,
        trainer: Mapping[str, Any] | None = None,
        **layout: Any,
    ) -> "TotoPipeline":
        """Fine-tune a copy of the model on series, with covariates or without; this pipeline stays as it is.

        The last `val_fraction` of the steps is held out. The untouched model is scored there first, by the
        mean quantile loss of its forecasts, and it is what comes back unless training beats it.

        Args:
            data: as in `forecast`; covariates need a data frame.
            horizon: steps that are to be forecast; known covariates are known so far ahead.
            known: columns whose values are known in the future too (`future` of `forecast`).
            past: columns that are known up to the last step.
            static: columns of a long frame with one value for a whole series.
            calendar: features of the time stamps: minute, hour, dayofweek, weekend, day, dayofyear, month,
                quarter.
            holidays: a country, "DE", or a part of one, "DE-BY", whose public holidays count.
            mode: "full" trains all weights, "lora" small adapters, "head" what follows the layers.
            max_steps: steps of training at most (None: by the size of the data).
            time_limit: seconds of training at most.
            val_fraction: the share of all steps, the last ones, that is held out.
            test_fraction: the share behind these that is only scored, by both models, when all is decided.
            context: the last steps of a series that the model sees (None: 16 patches).
            batch_size: windows of a step (None: by their size).
            learning_rate: of AdamW (None: by the mode and the size of the model).
            patience: validations without a better score, of 20 in all, after which training ends.
            seed: makes a run repeatable.
            out: folder for the model, which `from_pretrained` loads, and in `training` the curve and
                checkpoints: the same call goes on after a kill.
            progress: called as progress(done, total) with steps; True: a bar.
            trainer: other arguments of `lightning.Trainer`, as `devices`, `precision` or `logger`.
            layout: `columns`, `id_column`, `time_column`, `group`, `multivariate`, `aggregate` and
                `day_first` of `forecast`, which remembers them.

        Returns:
            A pipeline with the better model; its `fit_result` says what the run found.

        Raises:
            InputError: data, covariates or an argument that breaks a rule; `out` holds another run.
            MissingExtraError: lightning, or for "lora" peft, is not installed.
        """
        from toto.finetuning.fit import fit
        from toto.finetuning.settings import FitSettings

        settings = FitSettings.checked(
            horizon,
            mode=mode,
            max_steps=max_steps,
            time_limit=time_limit,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            context=context,
            batch_size=batch_size,
            learning_rate=learning_rate,
            patience=patience,
            seed=seed,
        )
        model, result = fit(
            self.model,
            data,
            history_layout(self.fit, layout),
            Covariates(
                names_of("known", known),
                names_of("past", past),
                names_of("static", static),
                names_of("calendar", calendar),
                holidays,
            ),
            settings,
            out=None if out is None else Path(out),
            progress=progress,
            trainer=trainer,
        )
        fitted = TotoPipeline(model)
        fitted.fit_result = result
        return fitted

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model to a folder that `from_pretrained` loads; of one with an adapter, the adapter."""
        self.model.save_pretrained(folder)

    def _read(self, data: Any, layout: Layout, future: Any, horizon: int, past: Any = None) -> Inputs:
        """Series and covariates, those of a fine-tuned model as it was trained with them.

        Raises:
            InputError: data that break a rule, or covariates for a model that was trained without.
        """
        if self.record is None:
            return read_inputs(data, layout, future, horizon, past)
        if not (self.record.covariates or is_table(data) or (past is None and future is None)):
            raise InputError(
                "past_covariates and future: the model was fine-tuned without covariates: leave them out"
            )
        return self.record.read(data, layout, future, horizon)

    def _read_history(self, data: Any, layout: Layout) -> Inputs:
        """Series to judge; of a fine-tuned model those of its training, without covariates."""
        if self.record is None:
            return read_inputs(data, layout, None, 0)
        return self.record.read_targets(data, layout)

    def _context(self, context: SupportsIndex | None) -> SupportsIndex:
        """The steps that the model is to see."""
        if context is None:
            return DEFAULT_CONTEXT if self.record is None else self.record.context
        return context

    def _forecast(
        self, inputs: Inputs, horizon: SupportsIndex, progress: Progress | None = None, **options: Any
    ) -> PipelineForecast:
        return forecast_inputs(self.forecaster, inputs, forecast_settings(horizon, **options), progress)

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

        As in `forecast`, the model sees the last 4096 steps of a context (of a fine-tuned model as many as in
        training), and gaps are treated as with missing="auto". A model that predicts quantiles has no paths:
        for these `predict_quantiles`.

        Args:
            context: one series [time]; several [batch, time] or [batch, variates, time]; or a list of series
                [time] or [variates, time]. The variates of one see each other.
            prediction_length: steps to forecast.
            num_samples, samples_per_batch, seed: as in `TotoForecaster.forecast`.

        Returns:
            For each context a tensor in main memory, [num_samples, prediction_length], or
            [num_samples, variates, prediction_length] for one with an axis of variates.

        Raises:
            InputError: an argument that breaks a rule, or a model that draws no paths.
        """
        FitRecord.note_unread(self.model.config, "predict")
        return predict_paths(
            self.forecaster, context, prediction_length, num_samples, samples_per_batch, seed
        )

    def predict_quantiles(
        self,
        context: Any,
        prediction_length: SupportsIndex,
        quantile_levels: Sequence[float] = DECILES,
        *,
        seed: SupportsIndex | None = None,
    ) -> tuple[list[Float[Tensor, "*variates horizon levels"]], list[Float[Tensor, "*variates horizon"]]]:
        """Quantiles and mean of each context, for code in the style of other pipelines; of all models.

        The model sees as many steps of a context, and gaps are treated, as in `predict`.

        Args:
            context, prediction_length, seed: as in `predict`.
            quantile_levels: from 0 to 1; of models that predict quantiles within those that they predict.

        Returns:
            For each context two tensors in main memory, [horizon, levels] and [horizon], or with an axis of
            variates before these for one that has it.

        Raises:
            InputError: an argument that breaks a rule.
        """
        FitRecord.note_unread(self.model.config, "predict_quantiles")
        return predict_quantiles(self.forecaster, context, prediction_length, quantile_levels, seed)
