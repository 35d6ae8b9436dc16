import gzip
import logging
import sys

import pytest

from toto import InputError, MissingExtraError
from toto.data.csv import check_output, read_table, write_table
from toto.data.frame import series_from_wide

pd = pytest.importorskip("pandas")


@pytest.fixture
def file(tmp_path):
    """A function that writes a file and returns its path."""

    def write(content: str | bytes, name: str = "data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def columns(path) -> dict[str, list[str]]:
    return read_table(path).frame.to_dict("list")


def test_cells_stay_text(file):
    assert columns(file("id,y\n007,1.50\nNA,\n")) == {"id": ["007", "NA"], "y": ["1.50", ""]}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
def test_the_separator_is_the_one_of_the_header(file, separator):
    text = "a_b\n1_2\n".replace("_", separator)
    assert columns(file(text)) == {"a": ["1"], "b": ["2"]}


def test_quotes_byte_order_marks_and_line_ends_of_every_system_are_read(file):
    assert columns(file('\ufeffa,b\r\n"1,5",2\r\n')) == {"a": ["1,5"], "b": ["2"]}


def test_compressed_files_are_read(file):
    assert columns(file(gzip.compress(b"a,b\n1,2\n"), "data.csv.gz")) == {"a": ["1"], "b": ["2"]}


def test_blank_lines_are_skipped_except_in_a_single_column(file):
    assert columns(file("a,b\n\n1,2\n\n")) == {"a": ["1"], "b": ["2"]}
    assert columns(file("a\n1\n\n3\n")) == {"a": ["1", "", "3"]}


def test_blank_lines_before_the_header_are_skipped(file):
    assert columns(file("\n  \na\n1\n\n3\n")) == {"a": ["1", "", "3"]}
    assert columns(file("\ufeff\r\n\r\na,b\r\n1,2\r\n")) == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("text", ["t,y,\n1,2,\n3,4\n", "t,y, ,,\n1,2,,\n3,4, \n"])
def test_empty_columns_without_a_name_at_the_end_are_left_out_and_logged(file, text, caplog):
    with caplog.at_level(logging.INFO):
        assert columns(file(text)) == {"t": ["1", "3"], "y": ["2", "4"]}
    assert "data.csv: column 3 has no name and no values and is left out" in caplog.text


def test_a_column_at_the_end_with_values_needs_a_name(file):
    with pytest.raises(
        InputError,
        match=r"data.csv, line 3, column 4: '7', but the header gives this column no name; name it",
    ):
        read_table(file("t,y,,\n1,2,,\n3,4,,7\n"))


def test_a_first_column_without_a_name_stays(file):
    assert list(columns(file(",y,\n0,2,\n"))) == ["Unnamed: 0", "y"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("t,y\n1,1\n2,x\n", 3),
        ("\n\nt,y\n1,1\n\n2,x\n", 6),
        ('t,y\n1,1\n2,"\n"\n3,x\n', 5),
        ("y\n\n1\nx\n", 4),
        ("\n\ny\n\n1\nx\n", 6),
    ],
)
def test_a_message_names_the_line_of_the_file(file, text, line):
    path = file(text)
    with pytest.raises(InputError, match=rf"data.csv, line {line}, column y: 'x' is not a number"):
        series_from_wide(read_table(path))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"absent.csv: no such file; check the path"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(InputError, match=r"absent.parquet: no such file; check the path"):
        read_table(tmp_path / "absent.parquet")


def test_a_folder_is_not_a_table(tmp_path):
    with pytest.raises(InputError, match="is a folder, not a file; name a file"):
        read_table(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n  \n"])
def test_an_empty_file_is_an_error(file, content):
    with pytest.raises(
        InputError, match=r"data.csv: the file is empty; the first line must name the columns"
    ):
        read_table(file(content))


def test_a_binary_file_is_an_error(file):
    with pytest.raises(InputError, match=r"data.csv: not a text file in UTF-8"):
        read_table(file(b"\x89PNG\r\n\x1a\n\xff\xfe\x00"))


def test_a_damaged_compressed_file_is_an_error(file):
    content = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    with pytest.raises(InputError, match="cannot be read: Compressed file ended"):
        read_table(file(content[:-10], "data.csv.gz"))
    with pytest.raises(InputError, match="cannot be read: Not a gzipped file"):
        read_table(file(b"a,b\n1,2\n", "data.csv.gz"))


def test_a_header_of_numbers_is_an_error(file):
    with pytest.raises(InputError, match=r"line 1: '2024-01-01,1.5,' holds numbers"):
        read_table(file("2024-01-01,1.5,\n2024-01-02,1.5,\n"))
    with pytest.raises(
        InputError, match=r"line 1: '2024-01-01,1.5,2' holds numbers; it must name the columns"
    ):
        read_table(file("2024-01-01,1.5,2\n2024-01-02,1.5,2\n"))


def test_a_column_that_occurs_twice_is_an_error(file):
    with pytest.raises(InputError, match=r"line 1: the column 'a' occurs twice"):
        read_table(file("t,a,a\n1,2,3\n"))
    with pytest.raises(InputError, match=r"line 3: the column 'a' occurs twice"):
        read_table(file("\n\nt,a,a\n1,2,3\n"))


@pytest.mark.parametrize(("text", "line"), [("a,b\n1,2\n1,2,3\n", 3), ("a,b\n1,2,3\n1,2,3\n", 2)])
def test_a_line_with_too_many_cells_is_an_error(file, text, line):
    with pytest.raises(InputError, match=f"data.csv, line {line}: 3 cells, but the header names 2"):
        read_table(file(text))


def test_an_open_quote_is_an_error(file):
    with pytest.raises(InputError, match=r"data.csv: not a CSV file: .*EOF inside string"):
        read_table(file('a,b\n1,"2\n3,4\n'))


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet", "OUT.PARQUET"])
def test_a_table_that_was_written_is_read_back(tmp_path, name):
    frame = pd.DataFrame({"id": ["a", "b"], "y": [1.5, 2.0]})
    write_table(frame, tmp_path / name)
    back = read_table(tmp_path / name).frame
    assert back["id"].tolist() == ["a", "b"]
    assert back["y"].astype(float).tolist() == [1.5, 2.0]


def test_the_index_of_a_parquet_file_becomes_columns(tmp_path):
    times = pd.date_range("2024-01-01", periods=3, freq="h")
    pd.DataFrame({"y": [1.0, 2.0, 3.0]}, index=times).to_parquet(tmp_path / "data.parquet")
    series = series_from_wide(read_table(tmp_path / "data.parquet"))
    assert series.variates == ("y",)
    assert series.grid.spacing == "1 h"


def test_row_numbers_that_pandas_kept_in_a_parquet_file_are_no_values(tmp_path):
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=9, freq="h"), "y": 1.5})
    frame[::2].to_parquet(tmp_path / "data.parquet")
    assert series_from_wide(read_table(tmp_path / "data.parquet")).variates == ("y",)


def test_messages_about_a_parquet_file_name_the_row(tmp_path):
    pd.DataFrame({"t": [1, 2], "y": ["1", "x"]}).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(InputError, match=r"data.parquet, row 1, column y: 'x' is not a number"):
        series_from_wide(read_table(tmp_path / "data.parquet"))


def test_a_damaged_parquet_file_is_an_error(file):
    with pytest.raises(InputError, match=r"data.parquet: cannot be read: "):
        read_table(file(b"not parquet", "data.parquet"))


def test_parquet_without_pyarrow_says_what_to_install(file, monkeypatch):
    for name in ("pyarrow", "pyarrow.parquet", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"a Parquet file needs pyarrow: pip install .*\[pandas\]"):
        read_table(file(b"", "data.parquet"))


def test_an_output_of_unknown_format_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"out.xlsx: the name must end in .csv, .csv.gz, .parquet"):
        check_output(tmp_path / "out.xlsx")


def test_an_output_in_no_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*absent; create it first"):
        write_table(pd.DataFrame(), tmp_path / "absent" / "out.csv")


def test_an_output_that_is_a_folder_is_an_error(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(InputError, match=r"out.csv: is a folder, not a file; name a file"):
        write_table(pd.DataFrame({"y": [1]}), tmp_path / "out.csv")


def test_an_output_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"out.parquet: cannot be written: "):
        write_table(pd.DataFrame({"y": [1, "a"]}), tmp_path / "out.parquet")


def test_a_quoted_name_may_go_on_over_two_lines(tmp_path):
    (tmp_path / "data.csv").write_text('time,"a\nb",c\n1,2,3\n2,4,5\n')
    assert list(read_table(tmp_path / "data.csv").frame.columns) == ["time", "a\nb", "c"]
