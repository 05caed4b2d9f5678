"""`python -m genjax`: the `genjax` command."""

from genjax.cli.main import console

console()
