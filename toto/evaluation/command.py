"""How the commands of this room run."""

import argparse
import sys
from collections.abc import Callable

from toto.errors import TotoError


def run_command(
    parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], None], arguments: list[str] | None
) -> int:
    """Read the options and run with them; returns the exit status. Errors of the library are one line."""
    options = parser.parse_args(arguments)
    try:
        run(options)
    except TotoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
