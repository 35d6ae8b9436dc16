import numpy as np
import pytest

from toto import InputError
from toto.data.covariates import Covariates
from toto.data.frame import series_from_table
from toto.data.layout import Layout
from toto.data.table import Table

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

SKY = ["clear", "rain", None, "fog", "rain", "clear"]


def table(kind=pd, **columns):
    values = {"y": [1.0, 2, 3, 4, 5, 6], "sky": SKY, "code": ["1", "2", "1", "", "2", "1"]}
    times = pd.date_range("2024-01-01", periods=6, freq="h")
    return Table(kind.DataFrame({"ds": times} | values | columns))


@pytest.mark.parametrize("kind", [pd, pl])
def test_words_become_columns_of_0_and_1_but_for_the_first(kind):
    covariates = Covariates(known=("sky",), past=("code",)).learnt_from(table(kind))
    assert covariates.categories == {"sky": ("clear", "fog", "rain")}
    assert covariates.numbers(covariates.known) == ("sky = fog", "sky = rain")
    assert covariates.numbers(covariates.past) == ("code",)
    numbers = covariates.as_numbers(table(kind))
    assert "sky" not in numbers.cells.columns
    rain = numbers.cells["sky = rain"].to_list()
    assert [None if one is None or one != one else one for one in rain] == [0, 1, None, 0, 1, 0]


@pytest.mark.parametrize("kind", [pd, pl])
def test_a_column_that_tells_series_apart_stays(kind):
    covariates = Covariates(static=("sky",), past=("code",)).learnt_from(table(kind))
    numbers = covariates.as_numbers(table(kind), ["sky"])
    assert numbers.cells["sky"].to_list()[:2] == ["clear", "rain"]
    assert numbers.cells["sky = rain"].to_list()[:2] == [0, 1]
    assert numbers.without(["sky", "absent"]).cells.columns == ["ds", "y", "code", "sky = fog", "sky = rain"]


def test_unknown_words_to_use_are_told_by_row():
    covariates = Covariates(known=("sky",)).learnt_from(table())
    numbers = covariates.as_numbers_to_use(table(sky=[*SKY[:4], "snow", "hail"]))
    assert list(numbers.unread) == [4, 5]
    assert "row 5, column sky: 'hail' is not among the words" in numbers.unread[5]


def test_declared_categories_are_words_even_if_they_look_like_numbers():
    covariates = Covariates(known=("code",)).learnt_from(table(code=pd.Categorical([1, 2, 1, 3, 2, 1])))
    assert covariates.categories == {"code": ("1", "2", "3")}


def test_a_word_that_training_did_not_have_is_an_error_that_names_its_place():
    covariates = Covariates(known=("sky",)).learnt_from(table())
    with pytest.raises(
        InputError, match=r"row 5, column sky: 'snow' is not among the words .* clear, fog, rain"
    ):
        covariates.as_numbers(table(sky=[*SKY[:5], "snow"]))


def test_too_many_words_or_only_one_are_an_error():
    for words, count in ((list("abcdefghijklmnopqrst"), 20), (["a"] * 20, 1)):
        frame = Table(pd.DataFrame({"ds": range(20), "y": 1.0, "x": words}))
        with pytest.raises(InputError, match=f"column x: .* from 2 to 16 different ones, got {count}"):
            Covariates(past=("x",)).learnt_from(frame)


def test_the_calendar_stands_behind_the_known_covariates_up_to_the_horizon():
    layout = Layout(columns=["y"], known_covariates=["x"])
    future = Table(pd.DataFrame({"ds": pd.date_range("2024-01-01 06:00", periods=5, freq="h"), "x": 7.0}))
    (one,) = series_from_table(table(x=[0.0, 1, 2, 3, 4, 5]), layout, future, 3)
    covariates = Covariates(known=("x",), calendar=("hour",), holidays=None)
    expected = [[0, 1, 2, 3, 4, 5, 7, 7, 7], np.arange(9)]
    np.testing.assert_array_equal(covariates.with_calendar(one, 3).known, expected)
    (learning,) = series_from_table(table(x=[0.0, 1, 2, 3, 4, 5]), layout)
    assert covariates.with_calendar(learning, 0).known.shape == (2, 6)


def test_static_values_are_one_for_a_series_and_another_value_is_an_error():
    frame = pd.DataFrame(
        {"unique_id": list("aabb"), "ds": [1, 2, 1, 2], "y": 1.0, "size": [3.0, np.nan, 4, 4]}
    )
    layout = Layout(static_covariates=["size"])
    first, second = series_from_table(Table(frame), layout)
    assert (first.static.tolist(), second.static.tolist()) == ([3.0], [4.0])
    frame.loc[1, "size"] = 5.0
    with pytest.raises(
        InputError, match=r"static: column 'size' of series a must have one value .* got 3 and 5"
    ):
        series_from_table(Table(frame), layout)


def test_what_is_written_is_read_again():
    covariates = Covariates(("a",), ("b",), (), ("hour",), "DE", {"a": ("x", "y")})
    assert Covariates.from_dict(covariates.to_dict()) == covariates
    assert covariates
    assert not Covariates()
