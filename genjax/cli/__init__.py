"""The commands: `genjax COMMAND`, a file each."""
