import numpy as np
import pytest

from toto import InputError
from toto.data.util.helpers import transform_fev_dataset


def row(steps: int = 5, **fields):
    return {"id": "a", "freq": "30min", "target": np.arange(steps), "temperature": np.ones(steps)} | fields


def test_fields_become_targets_and_covariates_and_the_rest_stays_as_it_was():
    rows = [row(), row(7, load=[1.0] * 6 + [None])]
    items = transform_fev_dataset(
        [rows[0] | {"load": range(5)}, rows[1]],
        target_fields=["target", "load"],
        target_transform_fns=[np.asarray, lambda values: 2 * values.astype(float)],
        ev_fields=["temperature"],
        ev_transform_fns=[np.asarray],
    )
    assert items.column_names == ["id", "freq", "target", "feat_dynamic_real"]
    np.testing.assert_array_equal(items["target"][0], [[0, 1, 2, 3, 4], [0, 2, 4, 6, 8]])
    assert items[1]["target"][1].tolist()[:6] == [2.0] * 6
    assert np.isnan(items[1]["target"][1, 6])
    assert items["feat_dynamic_real"][1].shape == (1, 7)
    assert items["freq"] == ["30min", "30min"]
    assert len(items[1:]) == 1
    assert items[1:][0]["target"].shape == (2, 7)


def test_without_covariates_there_is_no_field_of_them():
    assert transform_fev_dataset([row()]).column_names == ["id", "freq", "temperature", "target"]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "dataset must hold at least one series, got none"),
        ([row()], {"target_fields": ["load"]}, r"series 0: no field 'load'; there are id, freq"),
        ([row(target=["a"])], {}, "series 0, field 'target': must hold numbers"),
        (
            [row(), row(target=[[1.0]])],
            {},
            r"series 1, field 'target': must be \[time\] .* got shape \(1, 1\)",
        ),
        ([row(target=[])], {}, r"got shape \(0,\)"),
        ([row(load=[1])], {"target_fields": ["target", "load"]}, r"one length, got {'target': 5, 'load': 1}"),
        ([row(wind=[1])], {"ev_fields": ["wind"]}, "known at each of the 5 steps of the target, got 1"),
        (
            [row()],
            {"target_transform_fns": []},
            r"target_transform_fns must hold a function for each of the 1",
        ),
    ],
)
def test_what_is_no_series_is_named(rows, options, message):
    with pytest.raises(InputError, match=message):
        transform_fev_dataset(rows, **options)
