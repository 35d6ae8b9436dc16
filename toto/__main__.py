"""`python -m toto` is the command line."""

from toto.cli import main

main()
