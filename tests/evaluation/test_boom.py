"""BOOM: datasets in its format, shifted geometric means, and the command."""

import json
import math
import re
import sys

import numpy as np
import pytest
from benchmark_files import seasonal

from toto.errors import InputError, MissingExtraError
from toto.evaluation.boom import aggregate, main, shifted_geometric_mean, summary
from toto.evaluation.boom_tasks import boom_tasks, horizon_and_season, read_dataset

arrow = pytest.importorskip("pyarrow")


def save_dataset(folder, targets, frequency, num_files=1):
    """A dataset as the package `datasets` saves it: a stream of record batches, and the state."""
    folder.mkdir(parents=True)
    rows = [
        {"start": "2024-05-01 00:00:00", "item_id": f"{place}", "freq": frequency, "target": target.tolist()}
        for place, target in enumerate(targets)
    ]
    names = [f"data-{place:05d}-of-{num_files:05d}.arrow" for place in range(num_files)]
    for place, name in enumerate(names):
        table = arrow.Table.from_pylist(rows[place::num_files])
        with arrow.OSFile(str(folder / name), "wb") as file, arrow.ipc.new_stream(file, table.schema) as out:
            out.write_table(table)
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))


def read_folder(folder):
    """What is read of the files of a dataset."""
    return read_dataset(sorted(folder.glob("*.arrow")))


@pytest.fixture
def boom_folder(tmp_path):
    """A query of three variates, one of a single variate, and one that never changes."""
    folder = tmp_path / "boom"
    gappy = seasonal(3, 900, 24)
    gappy[1, 100:120] = np.nan
    save_dataset(folder / "ds-1-H", [gappy], "H")
    save_dataset(folder / "ds-20-5T", [seasonal(1, 700, 288)[0]], "5T")
    save_dataset(folder / "ds-3-D", [np.zeros(200)], "D")
    return folder


def test_a_dataset_is_read_as_it_was_saved(boom_folder):
    series, frequency = read_folder(boom_folder / "ds-1-H")
    assert frequency == "H"
    expected = seasonal(3, 900, 24)
    expected[1, 100:120] = np.nan
    np.testing.assert_array_equal(series[0], expected)
    assert read_folder(boom_folder / "ds-20-5T")[0][0].shape == (1, 700)


def test_the_series_of_several_files_follow_each_other(tmp_path):
    targets = [np.full(3 + place, float(place)) for place in range(3)]
    save_dataset(tmp_path / "ds-2-T", targets, "T", num_files=3)
    series, frequency = read_folder(tmp_path / "ds-2-T")
    assert [values.tolist() for values in series] == [[[0.0] * 3], [[1.0] * 4], [[2.0] * 5]]
    assert frequency == "T"


def test_a_folder_that_datasets_itself_saved_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{"target": seasonal(2, 50, 7).tolist(), "freq": "T"}]
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "ds-9-T"))
    series, frequency = read_folder(tmp_path / "ds-9-T")
    np.testing.assert_allclose(series[0], seasonal(2, 50, 7))
    assert frequency == "T"


def test_terms_are_one_ten_and_fifteen_horizons_where_the_series_is_long_enough(boom_folder):
    tasks = {task.name: task for task in boom_tasks(boom_folder)}
    assert list(tasks) == ["ds-1-H/short", "ds-20-5T/short", "ds-3-D/short"]
    assert tasks["ds-1-H/short"].horizon == 48
    assert tasks["ds-1-H/short"].num_windows == 2
    assert tasks["ds-1-H/short"].seasonality == 24
    assert (tasks["ds-20-5T/short"].seasonality, tasks["ds-3-D/short"].horizon) == (288, 30)


def test_long_series_have_all_terms(tmp_path):
    save_dataset(tmp_path / "ds-5-10S", [seasonal(2, 1500, 60)], "10S")
    tasks = {task.name: task.horizon for task in boom_tasks(tmp_path)}
    assert tasks == {"ds-5-10S/short": 60, "ds-5-10S/medium": 600}
    assert [task.name for task in boom_tasks(tmp_path, terms=["medium"])] == ["ds-5-10S/medium"]


def test_the_list_of_the_benchmark_says_which_terms_there_are(boom_folder, tmp_path):
    save_dataset(boom_folder / "ds-5-10S", [seasonal(2, 1100, 60)], "10S")
    terms = {"ds-1-H": "short", "ds-5-10S": "long", "ds-3-D": "short"}
    entries = {name: {"frequency": name.split("-")[2], "term": term} for name, term in terms.items()}
    listed = tmp_path / "properties.json"
    listed.write_text(json.dumps(entries))
    names = [task.name for task in boom_tasks(boom_folder, properties=listed)]
    assert names == ["ds-1-H/short", "ds-5-10S/short", "ds-5-10S/medium", "ds-5-10S/long", "ds-3-D/short"]
    some = boom_tasks(boom_folder, ["ds-5-10S", "ds-5-10S"], ["long"], listed)
    assert [task.name for task in some] == ["ds-5-10S/long"]
    with pytest.raises(InputError, match=r"datasets must be in .*properties\.json, got ds-20-5T"):
        boom_tasks(boom_folder, ["ds-20-5T"], properties=listed)
    listed.write_text(json.dumps(entries | {f"ds-{place}-T": {"term": "short"} for place in range(50, 57)}))
    with pytest.raises(InputError, match="got ds-50-T, ds-51-T, ds-52-T, ds-53-T, ds-54-T and 2 more"):
        boom_tasks(boom_folder, properties=listed)


@pytest.mark.parametrize("text", ["[1", "[1]", '{"ds-1-H": {}}', '{"ds-1-H": 3}'])
def test_a_list_that_is_none_is_an_error(boom_folder, tmp_path, text):
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(InputError, match=r"list\.json: not the list of BOOM, a term for each dataset"):
        boom_tasks(boom_folder, properties=tmp_path / "list.json")
    with pytest.raises(InputError, match=r"absent\.json: not the list of BOOM"):
        boom_tasks(boom_folder, properties=tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("S", (60, 3600)),
        ("10S", (60, 360)),
        ("T", (48, 1440)),
        ("5min", (48, 288)),
        ("7T", (48, 1)),
        ("h", (48, 24)),
        ("D", (30, 1)),
        ("W-SUN", (8, 1)),
        ("ME", (12, 12)),
    ],
)
def test_horizon_and_season_follow_the_interval(frequency, expected):
    assert horizon_and_season(frequency) == expected


def test_the_shifted_geometric_mean():
    assert shifted_geometric_mean([2.0, 8.0], 0.0) == pytest.approx(4)
    assert shifted_geometric_mean([0.0, 0.0]) == pytest.approx(0, abs=1e-12)
    assert shifted_geometric_mean([0.0, 1.0], 1e-5) == pytest.approx(math.sqrt(1e-5 * (1 + 1e-5)) - 1e-5)
    assert math.isnan(shifted_geometric_mean([]))


def scored(mase, crps, mae):
    return {"mase": float(mase), "crps": float(crps), "mae": float(mae)}


def test_tasks_without_a_scale_are_a_group_of_their_own():
    results = [
        scored(1.0, 0.2, 3.0),
        scored(4.0, 0.1, 1.0),
        scored(math.nan, math.nan, 0.5),
        scored(2.0, 0.3, 2),
    ]
    references = [
        scored(2.0, 0.4, 1),
        scored(2.0, 0.4, 1),
        scored(math.nan, math.nan, 0),
        scored(1.0, 0.0, 0),
    ]
    means = aggregate(results, references)
    assert means["scaled"] == pytest.approx({"mase": 1.0, "crps": math.sqrt(0.5 * 0.25)}, rel=1e-4)
    assert means["unscaled"] == pytest.approx({"mae": 1.0, "crps": 0.3}, rel=1e-4)
    assert "2 tasks, relative to the baseline: MASE 1.000" in summary(results, references)
    assert "2 tasks without variation, not scaled: MAE 1, CRPS 0.3" in summary(results, references)


def test_the_command_prints_scores_and_means_and_writes_them(boom_folder, make_tiny, tmp_path, capsys):
    make_tiny().float().save_pretrained(tmp_path / "model")
    options = ["--data", str(boom_folder), "--model", str(tmp_path / "model"), "--context", "64"]
    assert main([*options, "--samples", "4", "--terms", "short", "--out", str(tmp_path / "out.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["ds-1-H/short", "ds-20-5T/short", "ds-3-D/short"]
    assert lines[4].split()[3:5] == ["nan", "-"]
    assert lines[6].startswith("2 tasks, relative to the baseline: MASE ")
    assert lines[7].startswith("1 tasks without variation, not scaled: MAE ")
    results = json.loads((tmp_path / "out.json").read_text())
    assert len(results) == 6
    assert results[4]["scores"]["mase"] is None


def test_terms_that_no_series_is_long_enough_for_are_an_error(boom_folder, capsys):
    assert main(["--data", str(boom_folder), "--model", "repeat-last", "--terms", "medium", "long"]) == 2
    assert "error: terms: no series is long enough for medium, long" in capsys.readouterr().err


def test_the_baseline_relative_to_itself_is_one(boom_folder, capsys):
    assert main(["--data", str(boom_folder), "--datasets", "ds-1-H", "--model", "seasonal-naive"]) == 0
    assert "1 tasks, relative to the baseline: MASE 1.000, CRPS 1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--terms", "shrt"], "error: terms must be among short, medium, long, got shrt"),
        (
            ["--datasets", "ds-1-H", "ds-7-T"],
            r"error: datasets must be folders in .*boom with .*, got ds-7-T",
        ),
        (["--data", "nowhere"], "error: nowhere: there is no dataset of BOOM, a folder with state.json"),
        (["--device", "toaster"], "error: --device must be a device such as"),
        (["--out", "out.txt"], r"error: out\.txt: the name must end in \.json, \.csv"),
    ],
)
def test_bad_options_are_one_line_and_exit_status_2(boom_folder, options, message, capsys):
    assert main(["--data", str(boom_folder), *options]) == 2
    assert re.match(message, capsys.readouterr().err)


def test_a_damaged_dataset_is_an_error(boom_folder):
    (boom_folder / "ds-1-H" / "data-00000-of-00001.arrow").write_bytes(b"no arrow")
    with pytest.raises(InputError, match=r"data-00000-of-00001\.arrow: not a file of BOOM"):
        next(boom_tasks(boom_folder))
    save_dataset(boom_folder / "ds-8-H", [np.ones(9)], "H")
    table = arrow.table({"target": [["a", "b"]], "freq": ["H"]})
    path = str(boom_folder / "ds-8-H" / "data-00000-of-00001.arrow")
    with arrow.OSFile(path, "wb") as file, arrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(
        InputError, match=r"data-00000-of-00001\.arrow: not a file of BOOM: could not convert"
    ):
        next(boom_tasks(boom_folder, ["ds-8-H"]))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("{}", r"ds-20-5T: not a dataset as BOOM has it: KeyError\('_data_files'\)"),
        (
            '{"_data_files": [{"filename": "gone.arrow"}]}',
            "not a dataset as BOOM has it: no file .*gone.arrow",
        ),
        ('{"_data_files": []}', "not a dataset as BOOM has it: no file"),
    ],
)
def test_missing_files_are_an_error_before_anything_is_read(boom_folder, state, message):
    (boom_folder / "ds-20-5T" / "state.json").write_text(state)
    with pytest.raises(InputError, match=message):
        boom_tasks(boom_folder)


def test_a_dataset_without_series_is_an_error(tmp_path):
    save_dataset(tmp_path / "ds-0-T", [], "T")
    with pytest.raises(InputError, match=r"data-00000-of-00001\.arrow: not a file of BOOM"):
        next(boom_tasks(tmp_path))


@pytest.mark.parametrize("frequency", ["5X", "", "Q"])
def test_an_interval_without_a_horizon_is_an_error(frequency):
    with pytest.raises(
        InputError, match=f"freq must be like 5T, of a unit among S, T, .*, got '{frequency}'"
    ):
        horizon_and_season(frequency)


def test_an_interval_of_no_length_is_an_error():
    with pytest.raises(InputError, match="freq must be an interval longer than 0, like 5T, got '0T'"):
        horizon_and_season("0T")


def test_without_pyarrow_the_message_says_what_to_install(boom_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading BOOM needs pyarrow: pip install .*\[pandas\]"):
        boom_tasks(boom_folder)
