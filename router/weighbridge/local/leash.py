"""Run a command that dies when its parent does: ``python leash.py PARENT_PID COMMAND…``.

A script of its own that becomes the command, because the kernel's promise (PR_SET_PDEATHSIG) has to
be asked for between fork and exec, and running Python there is not safe in a process with threads.
It imports nothing of this package, so that it starts in 15 ms.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, see that the parent is still there, become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    # KILL rather than TERM: nobody is left to wait for a drain, and a stopped process ignores TERM.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the promise was given
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - a command of ours, without a shell


if __name__ == "__main__":
    main()
