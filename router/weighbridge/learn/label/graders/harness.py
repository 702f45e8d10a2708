"""Run by `tests.py` in a process of its own: an answer's code, then the prompt's asserts.

In, on standard input: JSON with both, the limits and a mark. Out: the mark as the last bytes of
standard output, once all asserts have held. Code that ends the process early leaves no mark.
"""

import json
import os
import resource
import sys


def _limit(seconds: int, memory: int, file_size: int) -> None:
    # No new processes or threads. Linux doesn't hold root to this one.
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, limit))


def _run() -> None:
    task = json.load(sys.stdin)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    _limit(task["seconds"], task["memory"], task["file_size"])
    space = {"__name__": "answer"}  # not __main__: what an answer does when run is not asked for
    for name in ("code", "tests"):
        exec(compile(task[name], name, "exec", dont_inherit=True), space)  # noqa: S102
    sys.stdout.flush()
    os.write(1, task["mark"].encode())
    os._exit(0)


if __name__ == "__main__":
    _run()
