"""Files of benchmark data."""

import gzip

import numpy as np
import pytest

from toto.errors import InputError
from toto.evaluation.files import find_file, read_rows, read_tsf, read_wide


def test_a_file_may_be_compressed(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"date,x\n0,1.5\n"))
    names, values = read_wide(find_file(tmp_path, "a.csv"))
    assert names == ["x"]
    np.testing.assert_array_equal(values, [[1.5]])


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no file .*a\.csv \(or a\.csv\.gz\): check the data folder"):
        find_file(tmp_path, "a.csv")


def test_empty_cells_and_words_for_missing_are_missing(tmp_path):
    (tmp_path / "a.csv").write_text("date,x,y\n0,1,\n1,NaN,2\n2,NA,?\n")
    nan = np.nan
    np.testing.assert_array_equal(read_wide(tmp_path / "a.csv")[1], [[1, nan, nan], [nan, 2, nan]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,x\n0,1\n1,two\n", r"a\.csv, line 3: 'two' is not a number"),
        ("date,x\n0,1,2\n", r"a\.csv, line 2: 3 cells, the header has 2"),
        ("date,x\n", r"a\.csv: no values"),
        ("", r"a\.csv: no values"),
        ("date\n0\n", r"a\.csv: no values"),
    ],
)
def test_a_damaged_table_is_an_error(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_wide(tmp_path / "a.csv")


def test_a_damaged_archive_is_an_error(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"date,x\n" + b"0,1\n" * 1000)[:-20])
    with pytest.raises(InputError, match=r"a\.csv\.gz: cannot be read"):
        read_wide(tmp_path / "a.csv.gz")


def test_rows_are_as_long_as_their_values(tmp_path):
    (tmp_path / "a.csv").write_text('"V1","V2"\n"H1","1","2",\n"H2","3",,\n')
    rows = read_rows(tmp_path / "a.csv")
    assert {name: values.tolist() for name, values in rows.items()} == {"H1": [1, 2], "H2": [3]}


def test_a_tsf_file_holds_series_behind_colons(tmp_path):
    (tmp_path / "a.tsf").write_text("# x\n@data\nT1:2000-01-01 00-00-00:1,2,?\nT2:5\n")
    first, second = read_tsf(tmp_path / "a.tsf")
    np.testing.assert_array_equal(first, [1, 2, np.nan])
    np.testing.assert_array_equal(second, [5])


def test_a_tsf_file_without_series_is_an_error(tmp_path):
    (tmp_path / "a.tsf").write_text("@relation x\n")
    with pytest.raises(InputError, match=r"a\.tsf: no series; a \.tsf file lists them below a line @data"):
        read_tsf(tmp_path / "a.tsf")
