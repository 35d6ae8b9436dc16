import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from toto import cli

ROOT = Path(__file__).parents[2]
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


def commands() -> dict:
    """The commands by their names."""
    typer = pytest.importorskip("typer")
    from toto.cli.app import app

    return typer.main.get_command(app).commands


@pytest.mark.parametrize(
    ("words", "completed"), [("toto fore", "forecast"), ("toto detect x.csv --false", "--false-alarms")]
)
def test_a_shell_can_complete_commands_and_options(words, completed):
    testing = pytest.importorskip("typer.testing")
    from toto.cli.app import app

    asked = {"_TOTO_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert testing.CliRunner().invoke(app, [], prog_name="toto", env=asked).stdout.split() == [completed]


def test_an_option_has_one_meaning_in_all_commands():
    meanings: dict = {}
    for name, command in commands().items():
        for parameter in command.params:
            meanings.setdefault(parameter.opts[0], {}).setdefault(parameter.help, []).append(name)
    several = {option for option, texts in meanings.items() if len(texts) > 1}
    assert several <= {"--plot", "--out", "--context"}  # a report; of finetune a folder, patches


def test_the_examples_in_help_and_documents_parse():
    from toto.cli.notes import notes_on_stderr

    helps = {name: command.help.split("\n\n") for name, command in commands().items()}
    examples = [block for blocks in helps.values() for block in blocks if block.startswith("- ")]
    for document in ("README.md", "docs/command_line.md"):
        lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
        examples += [line for line in lines if line.startswith("    ")]
    called = [words for example in examples if (words := words_after_toto(example))]
    assert {words[0] for words in called} == set(commands())
    for command, *words in called:
        with notes_on_stderr():  # what --quiet changes ends with it
            commands()[command].make_context(command, words)  # it raises where an option is unknown


def words_after_toto(example: str) -> list[str]:
    """The words of a command up to a pipe, a redirection or a comment."""
    words = shlex.split(example, comments=True)
    if "toto" not in words:
        return []
    words = words[words.index("toto") + 1 :]
    end = next((place for place, word in enumerate(words) if word in ("|", ">")), len(words))
    return words[:end] if words[:1] and words[0] in commands() else []
