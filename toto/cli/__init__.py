"""The command line: `toto forecast`, `toto info`."""

import sys
from importlib.util import find_spec

from toto.errors import MissingExtraError


def main() -> None:
    """Run the command line; without typer, say how to get it and exit with code 2."""
    if find_spec("typer") is None:
        print(f"error: {MissingExtraError('typer', 'cli', 'the command line')}", file=sys.stderr)
        sys.exit(2)
    from toto.cli.app import app  # typer is loaded here, after the check

    app(prog_name="toto")
