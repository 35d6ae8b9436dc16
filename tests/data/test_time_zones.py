import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toto import InputError
from toto.data.time_zones import to_clock, to_utc

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "UTC",
    "+02:00",
    "UTC-03:30",
]


def moments(*texts: str) -> np.ndarray:
    return np.array(texts, "M8[us]")


@given(st.sampled_from(ZONES), st.lists(st.integers(0, 2_000_000_000), min_size=1, max_size=20))
def test_a_clock_and_back_is_the_same_moment_but_in_the_hour_that_comes_twice(zone, seconds):
    utc = np.array(seconds, "M8[s]").astype("M8[us]")
    back = to_utc(to_clock(utc, zone), zone)
    off = (back - utc) / np.timedelta64(1, "h")
    assert set(np.unique(off)) <= {0.0, -1.0, -0.5}
    np.testing.assert_array_equal(to_clock(back, zone), to_clock(utc, zone))


def test_a_time_that_the_clock_leaves_out_is_after_the_leap():
    utc = to_utc(moments("2024-03-31 02:30"), "Europe/Berlin")
    assert to_clock(utc, "Europe/Berlin") == moments("2024-03-31 03:30")


def test_an_offset_is_a_zone():
    assert to_utc(moments("2024-01-01 02:00"), "UTC+02:00") == moments("2024-01-01 00:00")


def test_an_unknown_zone_is_an_error():
    with pytest.raises(InputError, match="time zone 'Moon/Base' is not known here: convert"):
        to_utc(moments("2024-01-01"), "Moon/Base")
