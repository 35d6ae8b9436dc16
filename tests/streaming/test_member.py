"""Which points a stream takes, and what the others are told."""

import logging
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import torch

from toto import InputError, MaskedTimeseries
from toto.streaming.member import History, Member


def member(history=None, times=None, keep: int = 50) -> Member:
    return Member(0, 0, History.of(np.ones((2, 4)) if history is None else history, times), keep)


def dates(*minutes: float) -> list[datetime]:
    return [datetime(2026, 1, 1) + timedelta(minutes=m) for m in minutes]


def test_values_come_as_steps_of_all_variates_or_as_one_step():
    one, two = member(np.ones((1, 4))), member()
    assert one.arrival(5, None, "raise").tolist() == [[5.0]]
    assert one.arrival([5, 6], None, "raise").tolist() == [[5.0, 6.0]]
    assert two.arrival([5, 6], None, "raise").tolist() == [[5.0], [6.0]]
    assert two.arrival(torch.ones(2, 3), None, "raise").shape == (2, 3)
    assert two.arrival(np.ones((2, 0)), None, "raise").shape == (2, 0)


def test_infinite_values_are_missing():
    assert np.isnan(member(np.ones((1, 4))).arrival([np.inf, -np.inf, np.nan], None, "raise")).all()
    assert np.isnan(History.of([1.0, np.inf]).values).tolist() == [[False, True]]


def test_values_too_large_for_float32_are_missing():
    assert np.isnan(member(np.ones((1, 4))).arrival([1e39, -1e200], None, "raise")).all()
    assert np.isnan(History.of([1.0, 1e39]).values).tolist() == [[False, True]]


def test_masked_steps_of_a_history_are_missing():
    series = MaskedTimeseries.from_array([1.0, 2.0, 3.0], observed=[True, False, True])
    assert np.isnan(History.of(series).values).tolist() == [[False, True, False]]


def test_gaps_become_missing_steps():
    found = member(np.ones((1, 3)), dates(0, 1, 2)).arrival([7, 8], dates(4, 7), "raise")
    np.testing.assert_array_equal(found, [[np.nan, 7, np.nan, np.nan, 8]])


def test_a_gap_in_a_history_becomes_missing_steps():
    np.testing.assert_array_equal(History.of([1, 2, 3], [0, 10, 30]).values, [[1, 2, np.nan, 3]])


def test_times_may_lie_a_quarter_of_a_step_off_the_grid():
    found = member(np.ones((1, 3)), dates(0, 1, 2)).arrival([7, 8], dates(3.2, 3.8), "raise")
    assert found.tolist() == [[7.0, 8.0]]
    with pytest.raises(
        InputError, match=r"must lie on the grid .* to a quarter of a step, got .*00:03:30.000000 \(1 such\)"
    ):
        member(np.ones((1, 3)), dates(0, 1, 2)).arrival([7], dates(3.5), "raise")


def test_late_and_repeated_points_are_counted_and_refused():
    one = member(np.ones((1, 3)), dates(0, 1, 2))
    message = (
        r"later than the newest step \(2026-01-01T00:02:00.*: "
        "3 of 5 are late or given before, the first 2026-01-01T00:01"
    )
    with pytest.raises(InputError, match=message):
        one.arrival([1, 2, 3, 4, 5], dates(3, 1, 4, 4, 2), "raise")


def test_late_and_repeated_points_are_dropped_if_asked_for(caplog):
    one = member(np.ones((1, 3)), dates(0, 1, 2))
    with caplog.at_level(logging.WARNING):
        found = one.arrival([1, 2, 3, 4, 5], dates(3, 1, 5, 5, 2), "drop")
    np.testing.assert_array_equal(found, [[1, np.nan, 3]])
    assert (
        "3 of 5 points are late or given before and are left out, the first: 2026-01-01T00:01" in caplog.text
    )
    assert one.arrival([1], dates(2), "drop").shape == (1, 0)


def test_of_a_run_of_late_points_one_is_reported(caplog):
    one = member(np.ones((1, 3)), dates(0, 1, 2))
    for minute in (0, 1, 2, 3, 1, 2):
        one.record.append(one.arrival([1], dates(minute), "drop"))
    assert [record.getMessage()[-15:-7] for record in caplog.records] == ["00:00:00", "00:01:00"]


@pytest.mark.parametrize(
    ("values", "times", "message"),
    [
        (np.ones((3, 5)), None, r"with 2 variates, as the history, got shape \(3, 5\)"),
        ("text", None, "values must be an array of numbers"),
        (np.ones((2, 2)), [9, 10, 11], "times must be one for each of 2 steps of values, got 3"),
        (np.ones((2, 1)), dates(1), "times must be numbers, as those of the history"),
        (np.ones((2, 1)), [100], "must not leave a gap longer than the 50 steps .* got one of 97 steps"),
        (np.ones((2, 2)), [4, 100], "got one of 96 steps: begin a new stream"),
        (np.ones((2, 1)), [np.nan], "times must be known, got nan at place 0"),
        (np.ones((2, 1)), [[4]], r"times must be \[time\]"),
        (np.ones((2, 1)), ["soon"], "times must be dates or numbers"),
    ],
)
def test_points_that_break_a_rule_are_named(values, times, message):
    with pytest.raises(InputError, match=message):
        member(times=[0, 1, 2, 3]).arrival(values, times, "raise")


def test_times_need_those_of_the_history():
    with pytest.raises(InputError, match="times need a stream that knows its own"):
        member().arrival(np.ones((2, 1)), [4], "raise")


@pytest.mark.parametrize(
    ("history", "times", "message"),
    [
        (np.ones((2, 3, 4)), None, r"history must be one series, .* got shape \(2, 3, 4\)"),
        (np.full((2, 9), np.nan), None, "history holds no real value in 9 steps of 2 variates"),
        ([1.0], [0], "times of a history must be 2 or more, to know the interval, got 1"),
        ([1.0, 2, 3], [0, 2, 1], r"times must ascend: 1.0 stands after 2.0 \(1 such places\)"),
        ([1.0, 2, 3], [0, 1], "times must be one for each of 3 steps of history, got 2"),
        ([1.0] * 6, [0, 1, 2, 2.2, 3, 4], "times of a history must be 1.0 apart, as most of them are"),
    ],
)
def test_histories_that_break_a_rule_are_named(history, times, message):
    with pytest.raises(InputError, match=message):
        History.of(history, times)


def test_groups_that_change_in_time_are_refused():
    series = MaskedTimeseries.from_array(np.ones((1, 4)))
    with pytest.raises(InputError, match="id_mask of a history must be the same at all steps"):
        History.of(series._replace(id_mask=torch.tensor([[0, 0, 1, 1]])))


def test_time_zones_and_texts_are_one_time():
    zone = timezone(timedelta(hours=2))
    one = member(np.ones((1, 3)), dates(0, 1, 2))
    for time in (datetime(2026, 1, 1, 2, 3, tzinfo=zone), "2026-01-01T00:03:00Z", "2026-01-01 00:03"):
        assert one.arrival([1], [time], "raise").shape == (1, 1)
        assert one.arrival([1], time, "raise").shape == (1, 1)
    assert one.arrival([1], np.array(["2026-01-01T00:03"], "M8[s]"), "raise").shape == (1, 1)
