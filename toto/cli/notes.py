"""What commands say beside their result: notes on stderr, which `--quiet` leaves out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

_LIBRARY, _COMMANDS = logging.getLogger("toto"), logging.getLogger("toto.cli")


class _Notes(logging.Handler):
    """Shows what the library and the commands log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record; what commands only tell (where a file is) comes without a `note:`."""
        mark = "note: " if record.levelno >= logging.WARNING else ""
        typer.echo(f"{mark}{record.getMessage()}", err=True)


@contextmanager
def notes_on_stderr() -> Iterator[None]:
    """Show the notes of what runs inside."""
    levels, notes = [(log, log.level) for log in (_LIBRARY, _COMMANDS)], _Notes()
    _LIBRARY.addHandler(notes)
    _COMMANDS.setLevel(logging.INFO)
    try:
        yield
    finally:
        _LIBRARY.removeHandler(notes)
        for log, level in levels:
            log.setLevel(level)


def leave_out_notes(asked: bool) -> bool:
    """The callback of `--quiet`."""
    if asked:
        for log in (_LIBRARY, _COMMANDS):
            log.setLevel(logging.ERROR)
    return asked


def are_wanted() -> bool:
    """Whether notes, and progress bars, are to be shown."""
    return _COMMANDS.isEnabledFor(logging.INFO)
