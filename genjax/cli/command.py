"""How a command ends: what the user did wrong in one line, and Ctrl-C without a traceback."""

import sys
from collections.abc import Callable

from genjax.errors import UserError


def exit_code(work: Callable[[], object], stopped: str = "stopped.", if_stopped: int = 130) -> int:
    """That of the command that does `work`; `stopped` is said where Ctrl-C ends it."""
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        return if_stopped
    return 0
