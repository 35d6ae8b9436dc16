"""Covariates of arrays: their shapes, and what breaks a rule."""

import numpy as np
import pytest
import torch

from toto import InputError
from toto.data.array_covariates import with_array_covariates
from toto.data.array_series import series_from_arrays

SERIES = np.arange(1.0, 7)
HORIZON = 2
KNOWN = np.arange(8.0)


def beside(data, past=None, future=None):
    return with_array_covariates(series_from_arrays(data), past, future, HORIZON)


def test_one_series_has_one_covariate_or_several():
    (one,) = beside(SERIES, past=SERIES * 2, future=np.stack([KNOWN, -KNOWN]))
    np.testing.assert_array_equal(one.past, [SERIES * 2])
    np.testing.assert_array_equal(one.known, [KNOWN, -KNOWN])
    assert all(part.past is not None and part.known is not None for part in one.split())


def test_each_of_several_series_has_its_own():
    batch = np.stack([SERIES, -SERIES])[:, None]
    for past in (batch * 2, torch.tensor(batch * 2), [SERIES * 2, [-SERIES * 2]]):
        first, second = beside(batch, past=past)
        np.testing.assert_array_equal(first.past, [SERIES * 2])
        np.testing.assert_array_equal(second.past, [-SERIES * 2])
    first, second = beside([SERIES, SERIES[:3]], future=[None, KNOWN[:5]])
    assert first.known is None
    np.testing.assert_array_equal(second.known, [KNOWN[:5]])


def test_missing_values_are_those_of_the_past_and_what_lies_beyond_the_horizon_is_kept():
    known = np.array([np.nan, *KNOWN[1:], 8, np.nan, 10])
    (one,) = beside(SERIES, past=[1, None, 3, 4, np.inf, 6], future=known)
    np.testing.assert_array_equal(one.past, [[1, np.nan, 3, 4, np.nan, 6]])
    np.testing.assert_array_equal(one.known, [known[:9]])


def test_all_take_the_most_exact_type_of_any():
    single = torch.arange(6, dtype=torch.float32)
    (one,) = beside(single, past=single * 2, future=torch.arange(8))
    assert one.values.dtype == one.past.dtype == one.known.dtype == np.float64
    assert beside(single, past=single)[0].values.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        (SERIES, {"past": SERIES[1:]}, "past_covariates: must be known in the 6 steps .*, got 5 steps"),
        (SERIES, {"past": [[[1.0]]]}, r"past_covariates: must be \[time\] or .* \(1, 1, 1\)"),
        (SERIES, {"past": ["a"] * 6}, "past_covariates: values must be an array of numbers"),
        (SERIES, {"future": KNOWN[6:]}, r"future: must hold .* 6 \+ 2 steps or more, got 2; put"),
        (
            SERIES,
            {"future": [KNOWN, [*KNOWN[:7], np.nan]]},
            "future: covariate 1 must be known at every one of the 2 steps after the series, .* for step 2",
        ),
        ([SERIES, SERIES], {"past": np.stack([SERIES] * 2)}, r"must be .* a list of 2 .* shape \(2, 6\)"),
        ([SERIES, SERIES], {"past": 3.0}, "past_covariates must be .* a list of 2 arrays, .* got float"),
        ([SERIES, SERIES], {"past": [SERIES]}, "past_covariates must be those of 2 series, got those of 1"),
        ([SERIES, SERIES], {"past": [SERIES, KNOWN]}, "past_covariates, series 1: must be known in"),
        ([SERIES, SERIES], {"future": [KNOWN, SERIES]}, "future, series 1: must hold covariates"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_an_error_that_names_the_series(data, given, message):
    with pytest.raises(InputError, match=message):
        beside(data, **given)
