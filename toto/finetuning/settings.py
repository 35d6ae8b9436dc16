"""What one run of fine-tuning is."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from toto.errors import InputError
from toto.finetuning.generations import Generation
from toto.inference.arguments import count, seed_number

MODES = ("full", "lora", "head")
CONTEXT_PATCHES = 16
TOKENS_PER_STEP = 800  # of a batch: long enough to be fast, short enough for many steps

_LEARNING_RATES = {"full": 3e-4, "lora": 3e-3, "head": 2e-3}  # of a model of 192 features
_NEW_TO_COVARIATES = 1e-3  # likewise, of all weights: there is more to learn
_NUM_FEATURES = 192


@dataclass(frozen=True)
class FitSettings:
    """What a run is asked to be, checked when it is made; what is None is chosen by `plan`.

    mode: "full", all weights; "lora", adapters of low rank on the linear maps of the layers; "head", only
        what turns the output of the layers into distributions. The labels of covariates are always trained.
    horizon: steps that are forecast.
    context: steps before them that the model sees.
    max_steps: steps of the optimiser at most.
    time_limit: seconds at most; the learning rate has decayed by then.
    val_fraction: the share of all steps, the last ones, that scores are measured on.
    test_fraction: the share behind these that nothing is decided by.
    batch_size: windows of a step.
    learning_rate: the peak, of AdamW.
    patience: validations without a better score after which a run ends.
    num_validations: in a run that goes on to its end.
    rank: of the adapters.
    horizon_share: the share of the horizon in the loss; the steps of the context have the rest.
    label_factor: how much higher the learning rate of the labels is.

    Raises:
        InputError: a value that describes no run.
    """

    horizon: int
    mode: str = "full"
    context: int | None = None
    max_steps: int | None = None
    time_limit: float | int | None = None
    val_fraction: float | int = 0.15
    test_fraction: float | int = 0.0
    batch_size: int | None = None
    learning_rate: float | int | None = None
    patience: int = 6
    num_validations: int = 20
    seed: int = 0
    rank: int = 16
    horizon_share: float | int = 0.2
    label_factor: float | int = 10.0
    weight_decay: float | int = 0.01
    gradient_clip: float | int = 1.0
    warmup_share: float | int = 0.05
    decay_share: float | int = 0.6

    def __post_init__(self) -> None:
        """Check what callers give."""
        if self.mode not in MODES:
            raise InputError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        for name in ("horizon", "context", "max_steps", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, count(name, value))
        object.__setattr__(self, "seed", seed_number(self.seed))
        for name in ("time_limit", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise InputError(f"{name} must be above 0, got {value!r}")
        if not (_is_number(self.val_fraction) and 0 < self.val_fraction < 1):
            raise InputError(f"val_fraction must lie between 0 and 1, got {self.val_fraction!r}")
        if not (_is_number(self.test_fraction) and 0 <= self.test_fraction < 1 - self.val_fraction):
            raise InputError(
                "test_fraction must be at least 0, and leave steps to train on beside val_fraction "
                f"{self.val_fraction}, got {self.test_fraction!r}"
            )

    @classmethod
    def checked(cls, horizon: Any, **given: Any) -> "FitSettings":
        """Settings of any types that a caller may give."""
        return cls(horizon, **given)

    def plan(self, generation: Generation, num_rows: int, num_windows: int, covariates: bool) -> "Plan":
        """What the run is, on so many windows of so many rows, with covariates or without."""
        batch_size = self.default_batch_size(generation, num_rows)
        return Plan(
            self,
            self.default_context(generation),
            batch_size,
            self.default_max_steps(num_windows, batch_size),
            self.default_learning_rate(generation, covariates),
        )

    def default_context(self, generation: Generation) -> int:
        """The context that was asked for, or some patches."""
        return self.context or CONTEXT_PATCHES * generation.patch_size

    def default_learning_rate(self, generation: Generation, covariates: bool) -> float:
        """The one that was asked for, or one that falls with the width of the model and suits its weights."""
        width = min(1.0, _NUM_FEATURES / generation.width)
        all_weights = covariates and self.mode == "full"
        rate = _NEW_TO_COVARIATES if all_weights else _LEARNING_RATES[self.mode]
        if self.mode != "lora":  # adapters are scaled to the weights
            rate *= generation.weight_size
        return float(self.learning_rate or rate * width)

    def default_batch_size(self, generation: Generation, num_rows: int) -> int:
        """The one that was asked for, or so many windows that a step has `TOKENS_PER_STEP`."""
        patches = -(-(self.default_context(generation) + self.horizon) // generation.patch_size)
        return self.batch_size or max(4, min(32, TOKENS_PER_STEP // (patches * num_rows)))

    def default_max_steps(self, num_windows: int, batch_size: int) -> int:
        """Those that were asked for, or enough to forecast every step of the data some thirty times."""
        return self.max_steps or min(600, max(60, 30 * num_windows // (batch_size * self.horizon)))


class Plan(NamedTuple):
    """A run with nothing left to choose: settings, and the values in their place that they leave open."""

    settings: FitSettings
    context: int
    batch_size: int
    max_steps: int
    learning_rate: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self.settings) | {name: getattr(self, name) for name in self._fields[1:]}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
