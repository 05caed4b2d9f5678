"""Warnings that point to the user's line."""

import sys
import warnings

_OURS = ("genjax", "jaxtyping", "beartype")  # the last two wrap our functions in tests


def warn_user(message: str) -> None:
    """Warn at the line outside genjax that led here. The same line is warned once of the same."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _OURS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
