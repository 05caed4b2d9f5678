"""A run on disk: its folder, checkpoints and weights; and how genjax reads and writes files."""
