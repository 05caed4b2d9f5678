"""Trained models outside genjax: programs without it, files for others, the Hub."""
