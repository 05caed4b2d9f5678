"""A limit on what is read into memory."""

import os

from genjax.errors import UserError


def check_memory(size: int, what: str) -> None:
    """Raise `UserError` where `size` bytes are more than the machine's memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise UserError(
            f"{what} would take {size / 2**30:.1f} GiB, but this machine has {memory / 2**30:.1f}"
            " GiB of memory."
        )
