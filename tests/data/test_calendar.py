import sys

import numpy as np
import pytest

from toto import InputError
from toto.data.calendar import FEATURES, calendar_rows
from toto.errors import MissingExtraError


def test_features_of_a_moment():
    times = np.array(["2024-02-29T13:45", "1969-12-28T00:00"], "M8[us]")
    found = dict(zip(FEATURES, calendar_rows(times, list(FEATURES), None).T[0], strict=True))
    assert found == {
        "minute": 45,
        "hour": 13,
        "dayofweek": 3,
        "weekend": 0,
        "day": 28,
        "dayofyear": 59,
        "month": 1,
        "quarter": 0,
    }
    sunday = dict(zip(FEATURES, calendar_rows(times, list(FEATURES), None).T[1], strict=True))
    assert (sunday["dayofweek"], sunday["weekend"], sunday["quarter"], sunday["month"]) == (6, 1, 3, 11)


def test_holidays_are_days_of_one():
    pytest.importorskip("holidays")
    times = np.arange("2024-12-24", "2024-12-27", 12, "M8[h]")
    np.testing.assert_array_equal(calendar_rows(times, [], "DE"), [[0, 0, 1, 1, 1, 1]])
    assert calendar_rows(np.array(["2024-08-15"], "M8[us]"), [], "DE-SL") == 1


def test_no_names_give_no_rows():
    assert calendar_rows(np.array(["2024-01-01"], "M8[us]"), [], None).shape == (0, 1)


def test_what_there_is_not_is_an_error(monkeypatch):
    times = np.array(["2024-01-01"], "M8[us]")
    with pytest.raises(InputError, match=r"calendar must hold names among minute, .*, got 'week'"):
        calendar_rows(times, ["week"], None)
    with pytest.raises(InputError, match="need time stamps that are dates, got numbers"):
        calendar_rows(np.array([1, 2]), ["hour"], None)
    pytest.importorskip("holidays")
    with pytest.raises(InputError, match=r"holidays must be a country such as \"DE\".* got 'Atlantis'"):
        calendar_rows(times, [], "Atlantis")
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'toto-forecast\[finetune\]'"):
        calendar_rows(times, [], "DE")
