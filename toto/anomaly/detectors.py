"""The detectors to choose from, and reading one from its file."""

import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float

from toto.anomaly.calibration import Calibration
from toto.anomaly.detector import VERSION, Detector
from toto.anomaly.scores import Scores
from toto.errors import InputError


class LikelihoodDetector(Detector):
    """Strange is what is improbable: how much less likely than the median the model took a value for.

    It also finds values that lie inside of the range, but where nothing was expected.
    """

    kind = "likelihood"

    def statistic(self, scores: Scores) -> Float[torch.Tensor, "batch variates time"]:
        """`Scores.surprise`, in nats."""
        return scores.surprise


class QuantileDetector(Detector):
    """Strange is what leaves the predicted interval of probability `coverage`, by how many of its widths."""

    kind = "quantile"

    def statistic(self, scores: Scores) -> Float[torch.Tensor, "batch variates time"]:
        """The distance to the interval, in widths; 0 inside."""
        outside = torch.maximum(scores.low - scores.values, scores.values - scores.high)
        return (outside / (scores.high - scores.low)).clamp(min=0)


class ZScoreDetector(Detector):
    """Strange is what deviates from the prediction by many standard deviations, taking it for normal.

    The deviation is that of the normal distribution with the predicted interval: a variance that a far tail
    inflates does not hide anything.
    """

    kind = "z-score"

    def statistic(self, scores: Scores) -> Float[torch.Tensor, "batch variates time"]:
        """Standard deviations from the median."""
        normal = 2 * torch.special.ndtri(torch.tensor((1 + scores.coverage) / 2, dtype=torch.float64))
        return (scores.values - scores.median).abs() * float(normal) / (scores.high - scores.low)


class DeviationDetector(Detector):
    """Strange is what lies far from the predicted median, however sure the prediction was.

    For series whose noise does not change: it does not depend on how well the model judges its own errors.
    """

    kind = "deviation"

    def statistic(self, scores: Scores) -> Float[torch.Tensor, "batch variates time"]:
        """The distance to the median."""
        return (scores.values - scores.median).abs()


DETECTORS: dict[str, type[Detector]] = {
    kind.kind: kind for kind in (LikelihoodDetector, QuantileDetector, ZScoreDetector, DeviationDetector)
}


def load_detector(path: str | Path, model: Any) -> Detector:
    """The detector in a file that `Detector.save` wrote, for the model that it was fitted with.

    Raises:
        InputError: no such file, or not one of a detector.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            raise ValueError(f"version {found['version']}")
        return detector_from_json(found, model)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; save a fitted detector there first") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a file of a detector: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a detector that this version of toto wrote ({error!r})") from error


def detector_from_json(found: dict[str, Any], model: Any) -> Detector:
    """The detector that `Detector.to_json` gave."""
    detector = DETECTORS[found["kind"]](model, **found["options"])
    detector.calibration = Calibration.from_json(found["calibration"])
    return detector
