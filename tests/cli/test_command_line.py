import subprocess
import sys

import pytest

from toto import cli

HEAVY = ("pandas", "matplotlib", "typer", "rich", "gluonts", "scipy", "pyarrow")


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_importing_the_rooms_that_have_extras_imports_no_extra():
    rooms = "toto.data.frame, toto.data.csv, toto.data.time_grid, toto.inference.plot, toto.cli"
    code = f"import sys, toto, {rooms}; print([name for name in {HEAVY} if name in sys.modules])"
    assert python("-c", code).stdout.strip() == "[]"


def test_the_help_is_there_without_loading_torch():
    code = (
        "import sys; from toto.cli.app import app; from typer.testing import CliRunner; "
        "result = CliRunner().invoke(app, ['forecast', '--help']); "
        "print(result.exit_code, 'torch' in sys.modules, 'For example' in result.output)"
    )
    assert python("-c", code).stdout.split() == ["0", "False", "True"]


def test_python_m_toto_is_the_command_line():
    result = python("-m", "toto", "forecast", "absent.csv", "--horizon", "3")
    assert result.returncode == 2
    assert result.stderr == "error: absent.csv: no such file; check the path\n"


def test_without_typer_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    message = "error: the command line needs typer: pip install 'toto-forecast[cli]'\n"
    assert capsys.readouterr().err == message


def test_the_help_lists_the_commands(toto_command):
    result = toto_command("--help")
    assert result.exit_code == 0
    assert "forecast" in result.stdout
    assert "info" in result.stdout


def test_the_version_is_shown(toto_command):
    import toto

    assert toto_command("--version").stdout.strip() == toto.__version__
