"""Tiny data in the files of the benchmarks."""

from pathlib import Path

import pytest
from benchmark_files import ETT, L2C, seasonal, write_wide


@pytest.fixture
def gift_eval_folder(tmp_path) -> Path:
    """Short series in the files of the local tasks."""
    folder = tmp_path / "data"
    write_wide(folder / "lsf" / "ETTm1.csv.gz", ETT, seasonal(7, 4000, 96))
    write_wide(folder / "bizitobs" / "IAAI24_L2C.csv", L2C, seasonal(9, 12 * 800, 288))
    for part, num_steps in (("train", 300), ("test", 48)):
        file = folder / "m4" / part.title() / f"Hourly-{part}.csv"
        file.parent.mkdir(parents=True)
        rows = ['"V1","V2"']
        for name, extra in (("H1", 0), ("H2", 5 if part == "train" else 0)):
            values = seasonal(1, num_steps + extra, 24)[0]
            rows.append(",".join([f'"{name}"', *(f'"{value}"' for value in values)]) + "," * (5 - extra))
        file.write_text("\n".join(rows) + "\n")
    births = folder / "monash_small" / "us_births_dataset" / "us_births_dataset.tsf"
    births.parent.mkdir(parents=True)
    values = ",".join(str(round(value)) for value in 1000 * seasonal(1, 700, 7)[0])
    births.write_text(f"# ann\xe9e\n@frequency daily\n@data\nT1:1969-01-01 00-00-00:{values}\n", "latin-1")
    return folder
