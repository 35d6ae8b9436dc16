import json

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("lightning")


@pytest.fixture
def load_files(tmp_path):
    """Nine days of a load that follows a temperature and holidays, and what is known of the next hours."""
    random = np.random.default_rng(0)
    times = pd.date_range("2025-01-01", periods=10 * 24, freq="h")
    frame = pd.DataFrame({"time": times})
    frame["temperature"] = random.normal(size=len(frame)).round(3)
    frame["holiday"] = np.repeat(random.random(10) < 0.4, 24).astype(int)
    frame["load"] = 100 + 8 * frame["temperature"] - 20 * frame["holiday"]
    frame.iloc[:-12].to_csv(tmp_path / "data.csv", index=False)
    frame.iloc[-12:].drop(columns="load").to_csv(tmp_path / "future.csv", index=False)
    return "data.csv", "future.csv"


@pytest.fixture
def finetune(toto_command, model_folder):
    """Runs `toto finetune` with the tiny model for a few steps."""

    def run(data, *options):
        words = ["--model", model_folder, "--horizon", 12, "--out", "model", "--max-steps", 3]
        return toto_command("finetune", data, *words, *options)

    return run


def test_a_model_is_trained_scored_and_forecasts_with_its_covariates_by_name(
    finetune, toto_command, load_files, tmp_path
):
    data, future = load_files
    covariates = ["--known", "temperature,holiday", "--calendar", "hour"]
    result = finetune(data, "--target", "load", *covariates)
    assert result.exit_code == 0, result.output
    title, *table, kept = result.stdout.splitlines()
    assert title.endswith("next 12 steps, with temperature, holiday, hour")
    assert [line.split()[:2] for line in table if line.startswith(" validation")] == [["validation", "score"]]
    assert kept.startswith("All steps done; ")
    assert kept.endswith(("; the fine-tuned model is kept.", "the untouched model, which is kept."))
    assert result.stderr.startswith("model written to model\nloss curve drawn to ")
    assert (tmp_path / "model" / "training" / "curve.png").stat().st_size > 1000

    options = ["--model", "model", "--horizon", 12, "--out", "out.csv"]
    assert toto_command("forecast", data, *options, "--future", future).exit_code == 0
    frame = pd.read_csv("out.csv")
    assert frame["variate"].unique().tolist() == ["load"]
    assert frame["time"].iloc[0] == "2025-01-10 12:00:00"


def test_a_fine_tuned_model_needs_its_covariates_and_its_columns_together(
    toto_command, wide_file, fitted_folder
):
    options = ["--model", fitted_folder, "--horizon", 5]
    without = toto_command("forecast", wide_file, *options)
    assert without.exit_code == 2
    assert without.stderr.startswith("error: future must be a frame with the known covariates load in the 5")
    apart = toto_command("forecast", wide_file, *options, "--independent")
    assert apart.stderr.startswith("error: --independent: a fine-tuned model takes columns together")


def test_json_holds_the_scores_and_the_curve(finetune, load_files):
    result = finetune(load_files[0], "--target", "load", "--json", "--quiet", "--mode", "head")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["command"] == "finetune"
    assert found["settings"]["mode"] == "head"
    assert found["steps"] == 3
    assert found["rows"][0] == {
        "step": 0,
        "score": pytest.approx(found["zero_shot"]),
        "loss": None,
        "learning_rate": None,
        "seconds": None,
    }
    assert result.stderr == ""


def test_a_test_part_is_a_row_of_its_own(finetune, load_files):
    result = finetune(load_files[0], "--target", "load", "--test-fraction", 0.2)
    assert result.exit_code == 0, result.output
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith(" test score"))
    zero_shot, fine_tuned = map(float, row[2:4])
    assert row[4] == f"{100 * (fine_tuned / zero_shot - 1):+.1f}"


def test_a_series_too_short_to_train_on_keeps_the_untouched_model(finetune, tmp_path):
    pd.DataFrame({"time": range(20), "y": np.arange(20.0)}).to_csv(tmp_path / "short.csv", index=False)
    result = finetune("short.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].startswith("Not enough history: the longest series has 20 steps")
    assert result.stdout.count("untouched") == 1
    found = json.loads(finetune("short.csv", "--json").stdout)
    assert found["zero_shot"] is None
    assert found["rows"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "cpu"], "cpu"),
        (["--target", "load", "--known", "wind"], "known: data.csv has no column 'wind'"),
        (["--target", "load", "--known", "load"], "known: 'load' is a target"),
        (["--target", "load", "--mode", "half"], "mode must be one of full, lora, head, got 'half'"),
        (["--target", "load", "--time-limit", "0"], "time_limit must be above 0"),
        (["--target", "load", "--val-fraction", "1"], "val_fraction must lie between 0 and 1"),
        (["--out", "data.csv"], "--out data.csv: is a file; name a folder for the model"),
        (["--model", "absent"], "no checkpoint at 'absent'"),
    ],
)
def test_what_is_wrong_is_one_line(finetune, load_files, options, message):
    result = finetune(load_files[0], *options)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_help_shows_the_options_in_panels(toto_command):
    shown = toto_command("finetune", "--help").stdout
    for panel in ("Covariates", "Training", "The data", "Output"):
        assert panel in shown
