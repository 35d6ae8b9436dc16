"""What a run is, in its folder: a call that goes on there must be of the same run."""

import json
from pathlib import Path
from typing import Any

from toto.errors import InputError
from toto.finetuning.learning import Learning
from toto.finetuning.settings import Plan
from toto.inference.models import Model
from toto.model.fingerprint import fingerprint

SETTINGS_FILE = "fit.json"

_IN_WORDS = {"record": "the columns or covariates", "data": "the data", "model": "the model"}


def claim(folder: Path, plan: Plan, learning: Learning, model: Model) -> None:
    """Write what the run is into its folder, or check it against that of the run found there.

    Raises:
        InputError: it is another one, the message says in what; or what is there cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / SETTINGS_FILE
    run = plan.to_dict() | {
        "record": learning.record.to_dict(),
        "data": learning.fingerprint(),
        "model": fingerprint(model.state_dict()),
    }
    mine = json.loads(json.dumps(run))
    if file.is_file():
        theirs = _read(file)
        names = [name for name in mine if name != "time_limit" and mine[name] != theirs.get(name)]
        if names:
            differing = ", ".join(_difference(name, theirs.get(name), mine[name]) for name in names)
            raise InputError(
                f"out: {folder.parent} holds a run that differs in {differing}: go on with the same data and "
                "settings, or choose another folder"
            )
    unfinished = file.with_name(f"{file.name}.unfinished")  # a kill leaves the whole file or none
    unfinished.write_text(json.dumps(mine, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(file)


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(
            f"out: {file} cannot be read ({error}): remove the folder {file.parent} to begin anew"
        ) from error


def _difference(name: str, theirs: Any, mine: Any) -> str:
    """What differs between the run in a folder and one that is to go on there."""
    if name in _IN_WORDS:
        return _IN_WORDS[name]
    return f"{name} ({theirs} there, {mine} here)"
