"""The command line: `toto forecast`, `toto info`."""

import sys
from importlib.util import find_spec

from toto.errors import MissingExtraError


def main() -> None:
    """Run the command line; without its packages, say how to get them and exit with code 2."""
    for package in ("typer", "rich"):
        if find_spec(package) is None:
            print(f"error: {MissingExtraError(package, 'cli', 'the command line')}", file=sys.stderr)
            sys.exit(2)
    from toto.cli.app import app  # typer is loaded here, after the check

    app(prog_name="toto")
