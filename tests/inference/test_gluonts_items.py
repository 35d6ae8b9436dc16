"""Entries of GluonTS datasets: what is read of them, and how they are batched."""

import logging
import re
import warnings

import numpy as np
import pytest

from toto import InputError

pytest.importorskip("gluonts")
from pandas import Period, Timestamp

from toto.inference.gluonts_items import read_batches, read_item

START = Period("2024-01-01", freq="D")


def entry(*shape: int, **fields) -> dict:
    return {"target": np.arange(np.prod(shape), dtype=np.float32).reshape(shape), "start": START} | fields


@pytest.mark.parametrize("freq", ["s", "15min", "h", "D", "W-SUN", "B", "M", "Q", "Y", "4h"])
@pytest.mark.parametrize("year", [1700, 2024])
def test_a_forecast_starts_after_the_last_step_at_any_frequency(freq, year):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Period with BDay freq", FutureWarning)
        start = Period(f"{year}-03-01", freq=freq)
        expected = start + 70
    item = read_item(entry(2, 70, start=start), 0, 30)
    assert item.forecast_start == expected


def test_the_end_of_a_target_is_kept_with_what_is_missing():
    target = np.array([[1.0, 2, np.nan, 4], [np.inf, 6, 7, np.nan]])
    item = read_item({"target": target, "start": START, "item_id": 5}, 9, 3)
    np.testing.assert_array_equal(item.series.series, target[:, 1:])
    assert item.series.padding_mask.tolist() == [[True, False, True], [True, True, False]]
    assert (item.series_id, item.item_id, item.univariate) == (9, "5", False)


def test_none_is_missing_as_nan_is():
    item = read_item({"target": [1, None, 3, np.nan], "start": START}, 0, 10)
    assert item.series.padding_mask.tolist() == [[True, False, True, False]]
    assert item.series.series[0, [0, 2]].tolist() == [1, 3]


def test_a_target_without_a_variate_axis_is_one_variate():
    item = read_item(entry(4), 0, 10)
    assert item.series.series.shape == (1, 4)
    assert item.univariate
    assert item.item_id is None


def test_batches_keep_order_and_are_complete_at_their_capacity():
    read = []

    def dataset():
        for steps in (3, 1, 2, 6, 1):
            read.append(steps)
            yield entry(steps)

    batches = read_batches(dataset(), 10, lambda item: item.series.series.shape[1], 4.0)
    assert next(batches)["series_id"] == [0, 1]
    assert read == [3, 1]  # no further than needed
    assert [batch["series_id"] for batch in batches] == [[2, 3], [4]]


def test_variates_without_values_are_counted_once(caplog):
    dataset = [entry(2, 5), {"target": np.full((2, 5), np.nan), "start": START}]
    dataset.append({"target": np.array([1.0] * 4 + [np.nan] * 3), "start": START})
    with caplog.at_level(logging.WARNING):
        assert len(list(read_batches(dataset, 3, lambda item: 1, 1.0))) == 3
    (said,) = caplog.messages
    assert said.startswith("3 variates hold no real value in their last 3 steps")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"start": START}, "dataset[1] must be a dictionary with target and start, got one with start"),
        ({"target": [1.0]}, "dataset[1] must be a dictionary with target and start, got one with target"),
        ([1.0, 2.0], "dataset[1] must be a dictionary with target and start, got list"),
        (entry(3, start=Timestamp(2024, 1, 1)), "dataset[1]: start must be a pandas.Period, got Timestamp"),
        (
            entry(2, 3, 4, item_id="a"),
            "dataset[1] (item_id 'a'): target must be numbers, [time] or [variates, time], with at least one "
            "step, got float32 of shape (2, 3, 4)",
        ),
        (entry(0), "at least one step, got float32 of shape (0,)"),
        (entry(0, 5), "at least one step, got float32 of shape (0, 5)"),
        ({"target": ["x"], "start": START}, "dataset[1]: target must be numbers, [time] or [variates, time]"),
        (
            {"target": [None, "x"], "start": START},
            "target must be numbers, [time] or [variates, time], got [No",
        ),
        (
            {"target": [[1.0], [1.0, 2.0]], "start": START},
            "dataset[1]: target must be numbers, [time] or [va",
        ),
        ({"target": None, "start": START}, "dataset[1]: target must be numbers, [time] or [variates, time]"),
        ({"target": [1j], "start": START}, "dataset[1]: target must be numbers, [time] or [variates, time]"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_named(bad, message):
    with pytest.raises(InputError, match=re.escape(message)):
        list(read_batches([entry(4), bad], 10, lambda item: 1, 5.0))
