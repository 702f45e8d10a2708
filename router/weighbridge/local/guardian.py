"""Outlive the supervisor by a moment, and kill the process groups it left: ``python guardian.py``.

The leash ends a child whose parent was killed, but not that child's own children; real vLLM has
some. Lines on standard input say which groups exist (``+123``, ``-123``); its end says that the
supervisor is gone, in whatever way.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Keep count of groups until the input ends; then kill what is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
