"""Arrays and lists as regular series."""

import numpy as np
import pytest
import torch

from toto import InputError
from toto.data.array_series import finite_rows, note_transposed, series_from_arrays

SERIES = np.arange(1.0, 7)


@pytest.mark.parametrize(
    ("data", "labels", "shape", "several"),
    [
        (SERIES, [["variate 0"]], (), False),
        (np.stack([SERIES] * 2), [["variate 0", "variate 1"]], (2,), False),
        (np.stack([[SERIES]] * 2), [["series 0"], ["series 1"]], (2, 1), True),
        ([SERIES, [SERIES] * 2], [["series 0"], ["series 1, variate 0", "series 1, variate 1"]], (3,), True),
        (list(SERIES), [["variate 0"]], (), False),
    ],
)  # fmt: skip
def test_axes_before_time_are_series_and_variates(data, labels, shape, several):
    found = series_from_arrays(data)
    assert [one.labels for one in found.series] == labels
    assert (found.shape, found.several) == (shape, several)
    for one in found.series:
        np.testing.assert_array_equal(one.values[-1], SERIES)
        np.testing.assert_array_equal(one.times(), np.arange(6))


def test_values_keep_the_type_of_a_forecast_and_what_is_not_finite_is_missing():
    rows = finite_rows("x", torch.tensor([1, np.inf, 3], dtype=torch.bfloat16))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[1, np.nan, 3]])
    assert finite_rows("x", [1, 2, 3]).dtype == np.float64


def test_arrays_that_may_be_turned_are_noted_once(caplog):
    note_transposed(series_from_arrays(np.ones((2, 9, 4))).series)
    assert caplog.messages == ["data: 9 variates of 4 steps; if time comes first, pass data.T"]
    note_transposed(series_from_arrays(np.ones((4, 9))).series)
    assert len(caplog.messages) == 1


def test_other_shapes_and_data_are_errors_that_name_them():
    with pytest.raises(InputError, match=r"x: must be \[time\] or \[variates, time\], got shape \(1, 1, 2\)"):
        finite_rows("x", [[[1.0, 2.0]]])
    with pytest.raises(InputError, match=r"data must be a data frame, an array or .* got 'a\.csv'"):
        series_from_arrays("a.csv")
    with pytest.raises(InputError, match="data, series 0: is a data frame; put the frames below each other"):
        series_from_arrays([pytest.importorskip("pandas").DataFrame({"y": SERIES})] * 2)
    with pytest.raises(InputError, match="data, series 1: values must be"):
        series_from_arrays([SERIES, []])
