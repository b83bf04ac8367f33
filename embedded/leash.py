"""Become another program on a leash: as the given user, and told to stop when the parent is gone.

Run as a script by spawning.py, with nothing but the standard library:
`leash.py PARENT_PID SIGNAL UID GID PROGRAM [ARGUMENT ...]` (UID -1: stay who we are).
"""

import ctypes
import os
import sys

# linux/prctl.h
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process; comes back never. Ends with code 127 when the program cannot be run."""
    parent, signal_number, uid, gid = (int(word) for word in sys.argv[1:5])
    program = sys.argv[5:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, because changing the user clears it (prctl(2)).
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)  # the parent died before it could be watched
    try:
        os.execvpe(program[0], program, os.environ)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
