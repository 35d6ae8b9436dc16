"""The record of a measurement."""

import dataclasses
import json

import numpy as np
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


def test_a_record_is_plain_values_by_name():
    values = json.loads(json.dumps(RECORD.to_dict()))
    assert (values["task"], values["quantile_levels"]) == ("ett1/H/short", [0.1, 0.5, 0.9])
    assert Settings(**values["settings"]) == RECORD.settings


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "model must be a name, such as toto-nano or seasonal-naive, got None"),
        ({"context": 0}, "context must be a whole number of at least 1, got 0"),
        ({"context": 24.0}, r"context must be a whole number of at least 1, got 24\.0"),
        ({"num_samples": "4"}, "num_samples must be a whole number of at least 1, got '4'"),
        ({"seed": -1}, r"seed must be a whole number from 0 to 2\^63 - 1, got -1"),
        ({"seed": "x"}, r"seed must be a whole number from 0 to 2\^63 - 1, got 'x'"),
        ({"variance_reduction": "no"}, "variance_reduction must be True or False, got 'no'"),
    ],
)
def test_a_setting_that_breaks_a_rule_is_named(as_users_call, change, message):
    with pytest.raises(InputError, match=message):
        Settings(**{"model": "toto-nano"} | change)


def test_whole_numbers_of_any_type_become_numbers_for_json(as_users_call):
    settings = Settings("toto-nano", np.int64(64), np.int32(4), np.uint8(1))
    assert json.loads(json.dumps(dataclasses.asdict(settings)))["context"] == 64


def test_an_unknown_grouping_or_source_is_an_error():
    with pytest.raises(InputError, match="grouping must be multivariate or univariate, got 'all'"):
        Settings("toto-nano", grouping="all")
    with pytest.raises(InputError, match="quantiles_from must be paths or distribution, got 'mean'"):
        Settings("toto-nano", quantiles_from="mean")
