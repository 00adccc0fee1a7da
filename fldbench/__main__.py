"""`python -m fldbench` is the `fldbench` command."""

from fldbench.cli import main

main()
