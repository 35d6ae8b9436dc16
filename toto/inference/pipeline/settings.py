"""How a pipeline forecasts, whatever the data."""

from dataclasses import dataclass

from toto.inference.arguments import one_of


@dataclass(frozen=True)
class ForecastSettings:
    """How a pipeline forecasts.

    context: the last steps of a series that the model sees.
    levels: of the quantiles that are kept.
    missing: what missing values become: "model", what the model was trained to read them as; "interpolate";
        "auto": "model", but "interpolate" for models that read them as 0.
    num_samples, seed, keep_samples: of models that draw paths; others do not read them.
    joint_draws: of these too: whether steps and variates are joined, for questions about whole paths.
    tails: of models that predict quantiles: "error", or "exponential" for a model of what lies outside them.
    decode_block_size: of such models too: steps that are predicted at once; None: all.

    Raises:
        InputError: another word for `missing` or `tails`.
    """

    horizon: int
    context: int
    num_samples: int
    levels: tuple[float, ...]
    seed: int
    keep_samples: bool = True
    joint_draws: bool = False
    missing: str = "auto"
    tails: str = "error"
    decode_block_size: int | None = None

    def __post_init__(self) -> None:
        one_of("missing", self.missing, ("auto", "model", "interpolate"))
        one_of("tails", self.tails, ("error", "exponential"))
