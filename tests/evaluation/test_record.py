"""The record of a measurement."""

import dataclasses
import json

import pytest

from toto.errors import InputError
from toto.evaluation.record import Measurement, Settings

RECORD = Measurement(
    task="ett1/H/short",
    units="as recorded",
    num_series=1,
    num_variates=7,
    windows="the last 20, not overlapping",
    num_windows=20,
    horizon=48,
    seasonality=24,
    quantile_levels=(0.1, 0.5, 0.9),
    settings=Settings("toto-nano", 2048, 16, 0, "multivariate", "distribution", variance_reduction=True),
    toto_version="1.2.3",
)


def test_a_record_survives_json():
    assert Measurement.from_dict(json.loads(json.dumps(RECORD.to_dict()))) == RECORD


def test_a_record_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECORD.horizon = 1  # type: ignore[misc]


def test_a_printed_record_says_everything():
    text = str(RECORD)
    for part in ("ett1/H/short", "as recorded", "7 variates", "the last 20", "horizon 48", "seasonality 24"):
        assert part in text
    settings = "toto-nano, multivariate, context 2048, 16 samples, seed 0, quantiles from distribution"
    assert f"levels 0.1, 0.5, 0.9; {settings}, variance reduction; toto 1.2.3" in text
    assert str(Settings("repeat-last")) == "repeat-last, univariate, all of the history"


@pytest.mark.parametrize("name", ["context", "num_samples"])
def test_counts_below_one_are_errors(name):
    with pytest.raises(InputError, match=f"{name} must be at least 1, got 0"):
        Settings("toto-nano", **{name: 0})


def test_an_unknown_grouping_or_source_is_an_error():
    with pytest.raises(InputError, match="grouping must be multivariate or univariate, got 'all'"):
        Settings("toto-nano", grouping="all")
    with pytest.raises(InputError, match="quantiles_from must be paths or distribution, got 'mean'"):
        Settings("toto-nano", quantiles_from="mean")
