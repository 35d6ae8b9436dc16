import numpy as np

from toto.data.interpolation import interpolated

NAN = np.nan


def test_gaps_are_lines_the_end_stays_level_and_the_start_stays_missing():
    values = np.array([[NAN, 1, NAN, 3, NAN], [NAN] * 5, [1, 2, 3, 4, 5]])
    expected = [[NAN, 1, 2, 3, 3], [NAN] * 5, [1, 2, 3, 4, 5]]
    np.testing.assert_array_equal(interpolated(values), expected)
    assert np.isnan(values[0, 2])
