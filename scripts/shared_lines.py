"""How much of the package the two generations of models share, in files and lines.

    python scripts/shared_lines.py

A file belongs to one generation if it computes with it alone; all others serve both.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "toto"
FIRST = {
    "model": "attention backbone cache config distribution embedding feed_forward head "
    "lightning_checkpoint lightning_module mixture_quantile mixture_tail rope scaler student_t toto "
    "transformer",
    "inference": "batch_forecast call decoding distribution_recorder forecast forecast_distribution "
    "forecaster gluonts_forecast gluonts_predictor joint_draws philox predict_distribution quasi_random "
    "request",
    "inference/memory": "demand",
    "inference/pipeline": "batches sampled",
    "evaluation": "backtest_one_pass backtest_origins",
    "anomaly": "teacher_forcing",
    "finetuning": "drop_in_benchmark drop_in_data drop_in_module drop_in_run",
    "streaming": "mixture_encoder mixture_prediction",
}
SECOND = {
    "inference": "call2 forecaster2 gluonts_predictor2 quantile_distribution quantile_forecast",
    "inference/memory": "demand2",
    "inference/pipeline": "quantiles",
    "evaluation": "backtest_quantiles",
    "streaming": "quantile_encoder quantile_prediction",
}
BUILT_FOR_THE_FIRST = ("training", "scripts")  # rooms


def main() -> None:
    files = [path for path in sorted(ROOT.rglob("*.py")) if path.stat().st_size]
    groups: dict[str, list[Path]] = {"both": [], "first": [], "second": []}
    for path in files:
        room, folder = path.relative_to(ROOT).parts[0], path.parent.relative_to(ROOT).as_posix()
        if room == "model2" or path.stem in SECOND.get(folder, "").split():
            groups["second"].append(path)
        elif room in BUILT_FOR_THE_FIRST or path.stem in FIRST.get(folder, "").split():
            groups["first"].append(path)
        else:
            groups["both"].append(path)
    for name, paths in groups.items():
        lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
        print(f"| {name} | {len(paths)} | {lines:,} |")


if __name__ == "__main__":
    main()
