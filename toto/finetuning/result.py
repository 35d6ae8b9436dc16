"""What a run of fine-tuning found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toto.finetuning.curve import draw_curve


@dataclass(frozen=True)
class FitResult:
    """Scores are mean quantile losses of forecasts in the validation or the test part; lower is better.

    zero_shot: of the untouched model.
    score: of the best weights of the run; NaN where none was possible.
    improved: whether these weights were kept; else the model is the untouched one.
    reason: why the run ended, in words.
    step: of the best weights.
    num_steps: of the run.
    seconds: of the run.
    num_validation_windows: that scores are the mean of.
    curve: a row for every validation, the first for the untouched model.
    test_zero_shot: `zero_shot` in the test part, by which nothing was decided; NaN without one.
    test_score: `score` there.
    num_test_windows: that these are the mean of.
    """

    zero_shot: float
    score: float
    improved: bool
    reason: str
    step: int
    num_steps: int
    seconds: float
    num_validation_windows: int
    curve: Sequence[Mapping[str, float | int]]
    test_zero_shot: float = math.nan
    test_score: float = math.nan
    num_test_windows: int = 0

    def plot(self, path: str | Path) -> None:
        """Draw the curve as a picture.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        draw_curve(self.curve, Path(path))
