import json
import sys

import pytest

from toto import Toto
from toto.errors import InputError, MissingExtraError
from toto.training.checkpoints import RunState
from toto.training.csv_log import read_csv
from toto.training.curves import draw_curves
from toto.training.pretrain import RECIPES, build_parser, main, read_config, reporter

SMALL = [
    "--patch-size",
    "8",
    "--embed-dim",
    "16",
    "--num-layers",
    "4",
    "--num-heads",
    "2",
    "--mlp-hidden-dim",
    "24",
]


def config_of(*arguments: str):
    return read_config(build_parser().parse_args(["--out", "unused", *arguments]))


def test_the_command_trains_and_exports(tmp_path, capsys):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"context_shares": {"64": 1.0}, "tokens_per_step": 128, "log_every": 1}))
    arguments = ["--out", str(tmp_path / "run"), "--config", str(file), "--steps", "2", *SMALL]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "100.0%  step      2  loss" in out
    assert out.splitlines()[-1].startswith("2 steps in ")
    assert str(tmp_path / "run" / "final") in out
    assert Toto.from_pretrained(tmp_path / "run" / "final").config.patch_size == 8


def test_options_stand_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"seed": 3, "num_steps": 5, "weight_decay": 0.2}))
    config = config_of("--config", str(file), "--seed", "4", "--minutes", "2")
    assert (config.seed, config.num_steps, config.minutes, config.weight_decay) == (4, 5, 2.0, 0.2)


def test_on_a_terminal_a_bar_shows_the_share_that_is_done(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with reporter() as progress:
        progress(0.5, RunState(7, 2.0, 4000), 1.25)
    shown = capsys.readouterr().err
    assert "50%" in shown
    assert "loss=1.250, patches_s=2,000, step=7" in shown


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_a_run(recipe):
    config = config_of("--config", recipe, "--seed", "5")
    assert config.precision == "bfloat16"
    assert config.seed == 5


def test_the_curves_of_a_run_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    options = ["--steps", "4", "--log-every", "1", "--validate-every", "2", "--tokens-per-step", "128"]
    shares = tmp_path / "shares.json"
    shares.write_text('{"context_shares": {"64": 1.0}}')
    assert main(["--out", str(tmp_path / "run"), "--config", str(shares), *options, *SMALL]) == 0
    picture = tmp_path / "run" / "curves.png"
    size = picture.stat().st_size
    (tmp_path / "run" / "held_out.csv").unlink()
    assert draw_curves(tmp_path / "run") == picture
    assert picture.stat().st_size < size  # a curve less


def test_a_folder_without_a_run_has_no_curves(tmp_path):
    with pytest.raises(InputError, match=r"holds no run with a line in loss\.csv"):
        draw_curves(tmp_path)


def test_curves_without_matplotlib_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="drawing the curves of a run needs matplotlib"):
        draw_curves(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "warp"], "device 'warp' cannot be used: "),
        (
            ["--config", "toto-nanoo"],
            "config must be a file or a recipe (toto-nano, ",
        ),
        (["--out", __file__], "out must be a folder, got the file "),
    ],
)
def test_what_no_run_can_use_is_an_error_message(tmp_path, capsys, options, message):
    assert main(["--out", str(tmp_path), "--steps", "1", *options]) == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_an_interrupted_command_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("toto.training.loop.Run.step", interrupt)
    assert main(["--out", str(tmp_path), "--config", "toto-nano", "--steps", "1"]) == 130
    assert "the same command goes on from the newest checkpoint" in capsys.readouterr().err


def test_a_run_shorter_than_a_line_of_the_log_is_logged_at_its_end(tmp_path):
    shares = tmp_path / "shares.json"
    shares.write_text('{"context_shares": {"64": 1.0}, "tokens_per_step": 128}')
    assert main(["--out", str(tmp_path / "run"), "--config", str(shares), "--steps", "3", *SMALL]) == 0
    assert [row["step"] for row in read_csv(tmp_path / "run" / "loss.csv")] == ["3"]


def test_without_a_limit_a_run_takes_40_minutes():
    assert config_of().minutes == 40.0
    assert config_of("--steps", "7").minutes is None


def test_a_bad_value_is_an_error_message_and_a_status(tmp_path, capsys):
    assert main(["--out", str(tmp_path), "--steps", "0"]) == 2
    assert "error: num_steps must be a whole number of at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "config must be a file or a recipe"), ("{", "is not valid JSON"), ("[1]", "must hold an object")],
)
def test_a_bad_configuration_file_is_an_error_message(tmp_path, capsys, content, message):
    file = tmp_path / "config.json"
    if content is not None:
        file.write_text(content)
    assert main(["--out", str(tmp_path / "run"), "--config", str(file)]) == 2
    assert message in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    for option in ("--out", "--config", "--steps", "--minutes", "--seed", "--precision", "--num-workers"):
        assert option in text
