"""`python -m fldbench` is the `fldbench` command."""

from fldbench.cli.app import main

main()
