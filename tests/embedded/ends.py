"""Wait for the end of a process that is nobody's child any more."""

import os
import select

PATIENCE_S = 60.0


def ends(pid: int) -> bool:
    """True as soon as the process is dead, buried or not; False when it lives after PATIENCE_S."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE_S)[0])
    finally:
        os.close(handle)
