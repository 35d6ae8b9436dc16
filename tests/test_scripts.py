"""The scripts that measure models and record their example data, and the benchmarks."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from toto import MaskedTimeseries, TotoForecaster

pytestmark = pytest.mark.usefixtures("as_users_call")

ROOT = Path(__file__).parents[1]


def test_a_machine_that_counts_no_network_traffic_is_recorded_with_zeros(script, monkeypatch):
    psutil = pytest.importorskip("psutil")
    monkeypatch.setattr(psutil, "net_io_counters", lambda: None)
    counters = script("record_host_metrics").counters()
    assert counters["network_in_kib"] == counters["network_out_kib"] == 0
    assert counters["cpu_percent"] > 0


def test_without_toto_ts_the_comparison_shows_our_numbers(script, checkpoint, tmp_path, capsys):
    options = ["--model", checkpoint, "--peer", str(tmp_path / "absent"), "--repeats", "1", "--threads", "1"]
    script("compare").main([*options, "--cases", "1x512-128-64"])
    shown = capsys.readouterr()
    assert "our numbers alone" in shown.err
    case, seconds, peer_seconds, *_, gigabytes, _, _ = table_cells(shown.out)
    assert case == "1 x 512 -> 128, 64 paths"
    assert float(seconds) > 0
    assert float(gigabytes) > 0.05
    assert peer_seconds == ""


def test_the_gluonts_benchmark_compares_predictors_on_the_same_items(script, checkpoint, tmp_path, capsys):
    pytest.importorskip("gluonts")
    benchmark = script("gluonts_predictor")
    options = ["--model", checkpoint, "--peer", str(tmp_path / "absent"), "--repeats", "1", "--threads", "1"]
    benchmark.main([*options, "--series", "2", "--context", "70", "--horizon", "12", "--samples", "10"])
    shown = capsys.readouterr()
    assert "2 series of 1 x 70 -> 12, 10 paths" in shown.out
    assert "our numbers alone" in shown.err
    name, seconds, ratio, *_ = table_cells(shown.out)
    assert (name, ratio) == ("ours", "")
    assert float(seconds) > 0
    costs = {"ours": benchmark.Cost(2.0, 1.0), "toto-ts": benchmark.Cost(50.0, 1.5)}
    assert benchmark.rows(costs)[1] == ["toto-ts", "50", "25.0", "20", "1.50"]


def test_the_backtest_benchmark_compares_one_pass_with_batches(script, checkpoint, monkeypatch, capsys):
    benchmark = script("backtest")
    monkeypatch.setattr(benchmark.backtest_origins, "_WORTH_SHARING", None)  # and back to what it was
    monkeypatch.setattr(benchmark, "CASES", (benchmark.Case(2, 60, 12),))
    benchmark.main(
        ["--model", checkpoint, "--repeats", "1", "--threads", "1", "--windows", "3", "--samples", "2"]
    )
    name, batches, one_pass, _, middle, largest = table_cells(capsys.readouterr().out)
    assert name == "2 x 60, 12"
    assert min(float(batches), float(one_pass)) > 0
    assert float(middle) <= float(largest) < 1e-3


def test_a_measured_process_that_fails_says_why(script, tmp_path):
    common = script("common")
    with pytest.raises(common.NotMeasuredError, match="no model there"):
        common.measure(common.Workload(1, 16, 8, 2), tmp_path / "no model there", threads=1)


def test_an_environment_that_cannot_be_built_says_why(script, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(sys, "argv", ["peer_environment.py", str(tmp_path / "file" / "peer")])
    with pytest.raises(SystemExit, match=r"toto-ts cannot be installed here: .*file"):
        script("peer_environment").main()


def test_the_growth_benchmark_prints_a_table_and_saves_a_picture(
    script, checkpoint, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("matplotlib")
    growth = script("growth")
    sweep = growth.Sweep(growth.Workload(1, 16, 8, 2), "horizon", (24,))
    monkeypatch.setattr(growth, "SWEEPS", {"horizon": sweep})
    picture = tmp_path / "growth.png"
    growth.main(["--model", checkpoint, "--repeats", "1", "--threads", "1", "--plot", str(picture)])
    assert table_cells(capsys.readouterr().out)[0] == "1 x 16 -> 24, 2 paths"
    assert picture.stat().st_size > 1000


def test_the_limit_is_a_table_of_phases(script, checkpoint, monkeypatch, capsys):
    limit = script("limit")
    monkeypatch.setattr(limit, "README_EXAMPLE", limit.Workload(2, 64, 20, 4))
    monkeypatch.setattr(limit, "SQUARES", (8,))
    limit.main(["--model", checkpoint, "--repeats", "1", "--threads", "1"])
    assert table_cells(capsys.readouterr().out)[0] == "layers and heads"


def test_the_limit_counts_the_linear_maps_that_the_engine_runs(script, tiny):
    limit = script("limit")
    backbone, workload = tiny.float().model, limit.Workload(2, 64, 20, 4)
    counted: list[int] = []

    def count(linear, inputs, _):
        counted.append(2 * inputs[0][..., 0].numel() * linear.weight.numel())

    for module in backbone.transformer.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(count)
    context = limit.prepare_context(MaskedTimeseries.from_array(torch.randn(2, 64)), backbone)
    with torch.no_grad():
        state = limit.decoding.begin(backbone, context)
        of_prefill = sum(counted)
        limit.DecodeWithoutDraws(backbone, state, workload)()
    unneeded_queries = 2 * 32 * 32 * (2 * 8 - 2)  # of the last time layer, before the newest of 8 tokens
    assert sum(p.flop for p in limit.prefill_products(backbone, workload)) == of_prefill - unneeded_queries
    outputs = 4 * 3 * (2 * 8 + 8 * 8 + 8 * 4)  # of the heads: (tokens x steps) of three patches
    decode = sum(p.flop for p in limit.decode_products(backbone, workload))
    assert decode == sum(counted) - of_prefill + 2 * 32 * outputs


def test_the_precision_benchmark_finds_float32_near_and_bfloat16_apart(script, checkpoint, capsys):
    script("precision").main(["--models", checkpoint, "--threads", "1"])
    float32, bfloat16 = (line.split("|") for line in capsys.readouterr().out.splitlines()[-2:])
    for narrow, wide in zip(bfloat16[3:-1], float32[3:-1], strict=True):
        assert float(wide.split("/")[1]) < 1e-4 < float(narrow.split("/")[1]) < 0.5


@pytest.mark.slow
def test_the_compile_benchmark_counts_compilations(checkpoint):
    """In a process of its own: the compiler does not trace through the type checks of the tests."""
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "compile.py"),
        "--model",
        checkpoint,
        "--repeats",
        "1",
    ]
    done = subprocess.run([*command, "--backend", "eager"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1].split()[0]) > 0


def test_the_quantile_benchmark_finds_mixtures_closer_than_drawn_values(script, tiny, monkeypatch, capsys):
    benchmark = script("quantile_error")
    case = benchmark.Case("tiny", TotoForecaster(tiny.float()), torch.randn(2, 40).cumsum(-1))
    monkeypatch.setattr(benchmark, "cases", lambda data: [case])
    monkeypatch.setattr(benchmark, "NUM_PATHS", (4, 8))
    monkeypatch.setattr(benchmark, "quantile_seconds", lambda: 0.5)
    benchmark.main(["--repeats", "2", "--reference", "64", "--threads", "1"])
    shown = capsys.readouterr().out
    assert shown.endswith("0.500 s\n")
    by_way = {cells[3]: cells for cells in (line.split("|")[1:] for line in shown.splitlines()[10:14])}
    drawn, mixture = (float(cells[5]) for way, cells in by_way.items() if "reduced" not in way)
    assert mixture < 0.5 * drawn


def test_the_ragged_benchmark_finds_series_apart_and_counts_what_frames_cost(script, checkpoint, monkeypatch):
    pytest.importorskip("pandas")
    ragged, threads = script("ragged"), torch.get_num_threads()
    for size, number in (("HORIZON", 8), ("LONGEST", 100)):
        monkeypatch.setattr(ragged, size, number)
    difference = ragged.with_pipeline(ragged.difference_to_one_by_one, ragged.Case(3, 3), checkpoint, threads)
    assert difference < 1e-3
    series, in_frame, rows, *numbers = ragged.with_pipeline(
        ragged.cost, ragged.Case(3, 2), checkpoint, threads
    )
    frames = [ragged.frame_of(*ends) for ends in ((0, 2), (2, 3))]
    assert (series, in_frame, rows) == ("3", "2", f"{sum(map(len, frames)):,}")
    assert all(float(number.replace(",", "")) > 0 for number in numbers)


def test_totals_of_paths_are_compared_with_what_happened(script, checkpoint, monkeypatch, tmp_path, capsys):
    pd = pytest.importorskip("pandas")
    totals = script("path_totals")
    for size, number in (("CONTEXT", 24), ("WINDOWS", 2), ("FILES", {"some.csv": 1})):
        monkeypatch.setattr(totals, size, number)
    pd.DataFrame({"time": range(60), "y": torch.randn(60), "z": torch.randn(60)}).to_csv(
        tmp_path / "some.csv", index=False
    )
    options = ["--horizons", "8", "--samples", "16", "--threads", "1", "--model", str(checkpoint)]
    totals.main([str(tmp_path), *options])
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[4:]]
    quantities = ["single steps", "sum", "maximum", "sum of columns", "sum of both"]
    kinds = [[steps, of] for steps in ("each by itself", "joined") for of in quantities]
    assert [[cell.strip() for cell in row[2:4]] for row in rows] == kinds
    paths = torch.arange(101.0)[:, None].repeat(1, 3)
    assert totals.calibration(paths, torch.tensor([5.0, 50, 95]))[:3] == ("33 %", "33 %", "33 %")


def test_snapshots_of_a_run_are_scored_by_the_patches_they_have_seen(script, tmp_path, shared_data, capsys):
    pytest.importorskip("matplotlib")
    sizes = ["--embed-dim", "32", "--num-layers", "2", "--num-heads", "2", "--mlp-hidden-dim", "48"]
    budget = ["--steps", "2", "--snapshot-every", "1", "--tokens-per-step", "512", "--num-workers", "1"]
    run, curve = tmp_path / "run", tmp_path / "curve.png"
    assert import_module("toto.training.pretrain").main(["--out", str(run), *sizes, *budget]) == 0
    capsys.readouterr()
    options = ["--data", str(shared_data / "data"), "--tasks", "us_births/D/short", "--context", "128"]
    script("score_snapshots").main([str(run), *options, "--out", str(curve)])
    rows = [
        line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(("step", "final"))
    ]
    assert [row[0] for row in rows] == ["step-00000001", "step-00000002", "final"]
    assert rows[1][1:] == rows[2][1:]
    assert all(0 < float(cell) < 100 for row in rows for cell in row[2:])
    assert curve.stat().st_size > 1000


def test_a_folder_without_a_run_has_no_snapshots_to_score(script, tmp_path):
    with pytest.raises(
        SystemExit, match=r"must be the folder of a run, with loss\.csv and snapshots or final"
    ):
        script("score_snapshots").main([str(tmp_path), "--data", str(tmp_path)])


def test_forecast_pictures_print_the_errors_they_show(
    script, checkpoint, tmp_path, shared_data, monkeypatch, capsys
):
    pytest.importorskip("matplotlib")
    pictures = script("forecast_pictures")
    monkeypatch.setattr(pictures, "SERIES", pictures.SERIES[-1:])
    monkeypatch.setattr(pictures, "NUM_SAMPLES", 4)
    picture = tmp_path / "pictures.png"
    pictures.main(["--data", str(shared_data / "data"), "--model", checkpoint, "--out", str(picture)])
    assert "milk per cow, monthly" in capsys.readouterr().out
    assert picture.stat().st_size > 1000


def test_every_family_of_synthetic_series_has_its_picture_in_the_documents(script):
    pytest.importorskip("matplotlib")
    names = {f"synthetic_{name.replace(' ', '_')}.png" for name in script("draw_synthetic").pictures()}
    assert names == {path.name for path in (ROOT / "docs" / "images").glob("synthetic_*.png")}


def table_cells(text: str) -> list[str]:
    """The cells of the last line of the last table in a text."""
    last = [line for line in text.splitlines() if line.startswith("|")][-1]
    return [cell.strip() for cell in last.strip("|").split("|")]
