"""The benchmarks of the second generation run, and say what they promise."""

import pytest


def test_errors_against_the_published_package_are_rounding_in_one_pass(script, shared_data, capsys):
    folder = shared_data / "golden2"
    if not folder.is_dir():
        pytest.skip(f"no golden cases of the second generation at {folder}")
    script("golden_errors2").main(["--golden", str(folder)])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(rows) == len(list(folder.glob("*/case.json")))
    for name, first, *later in rows:
        assert float(first) < (1e-5 if name == "float32_basic" else 1e-10)
        if len(later) == 2:
            assert float(later[1]) < 1e-10  # cached against recomputed


def test_costs_are_shown_beside_those_of_the_bare_products(script, monkeypatch, capsys):
    benchmark = script("second_generation")
    small = benchmark.PUBLISHED | {"d_model": 32}
    monkeypatch.setattr(benchmark, "MODELS", {"small": small})
    monkeypatch.setattr(benchmark, "CASES", (benchmark.Workload(1, 2, 192, 128),))
    benchmark.main(["--repeats", "1"])
    row = capsys.readouterr().out.splitlines()[-1].strip("| ").split("|")
    model, case, *costs, share = (cell.strip() for cell in row)
    assert (model, case) == ("small", "1 x 2 x 192 -> 128")
    assert all(float(cost) > 0 for cost in costs)
    assert share.endswith("%")


def test_ragged_series_are_the_same_together_and_alone(script, monkeypatch, capsys):
    benchmark = script("ragged_series2")
    monkeypatch.setattr(benchmark, "PUBLISHED", benchmark.PUBLISHED | {"d_model": 32})
    benchmark.main(["--series", "4", "--horizon", "40"])
    rows = [line.strip("| ").split("|") for line in capsys.readouterr().out.splitlines()[-2:]]
    assert [row[2].strip() for row in rows] == ["float32", "float64"]
    assert all(float(row[-1]) < 1e-5 for row in rows)


def test_the_costs_of_all_models_stand_beside_each_other(script, monkeypatch, capsys, tiny, tiny2):
    benchmark = script("model_costs")
    monkeypatch.setattr(benchmark, "models", lambda: {"one": tiny.float(), "two": tiny2.float()})
    monkeypatch.setattr(benchmark, "CASES", ((2, 40, 12),))
    benchmark.main(["--repeats", "1"])
    names = [line.strip("| ").split("|")[0].strip() for line in capsys.readouterr().out.splitlines()[-2:]]
    assert names == ["one", "two"]


def test_the_files_of_both_generations_are_counted(script, capsys):
    counting = script("shared_lines")
    counting.main()
    rows = [line.strip("| ").split("|") for line in capsys.readouterr().out.splitlines()]
    assert sum(int(row[1]) for row in rows) > 100
    for generation in (counting.FIRST, counting.SECOND):
        for room, names in generation.items():
            for name in names.split():
                assert (counting.ROOT / room / f"{name}.py").is_file(), name
