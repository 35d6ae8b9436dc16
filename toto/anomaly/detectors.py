"""The detectors to choose from, and reading one from its file."""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float

from toto.anomaly.calibration import Calibration
from toto.anomaly.detector import VERSION, Detector
from toto.anomaly.scores import Scores
from toto.anomaly.weights import weights_of
from toto.errors import InputError

log = logging.getLogger(__name__)


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

    Another model, or one with other weights, is told of by a warning in the log: the thresholds are those of
    the weights, and with others alarms are false or missing until the detector is fitted anew.

    Raises:
        InputError: no such file, not one of a detector, or no model.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        if found["version"] != VERSION:
            raise ValueError(f"version {found['version']}")
        detector = detector_from_json(found, model)
        detector.weights = str(found["weights"])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; save a fitted detector there first") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a file of a detector: {error}") from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a detector that this version of toto wrote ({error!r})") from error
    if detector.weights != weights_of(model):
        log.warning(
            "%s: the detector was fitted with other weights than those of this model, so its thresholds do "
            "not hold: fit it anew, on a stretch without anomalies",
            path,
        )
    return detector


def detector_from_json(found: dict[str, Any], model: Any) -> Detector:
    """The detector that `Detector.to_json` gave."""
    detector = DETECTORS[found["kind"]](model, **found["options"])
    detector.calibration = Calibration.from_json(found["calibration"])
    return detector
