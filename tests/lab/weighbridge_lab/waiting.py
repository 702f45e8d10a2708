"""Waiting for what happens soon, and saying how soon it did."""

import time
from collections.abc import Callable
from typing import TypeVar

from weighbridge_lab.errors import LabError

_T = TypeVar("_T")
_POLL_S = 0.05


def until(what: str, look: Callable[[], _T], timeout_s: float = 30.0) -> _T:
    """Look again and again, until there is something to see.

    Args:
        what: is waited for, for people.
        look: returns something true once it is there. What it raises of `LabError` and `OSError`
            counts as not there yet.
        timeout_s: after which nobody believes in it.

    Returns:
        What `look` returned.

    Raises:
        LabError: when it did not come, with what was seen last.
    """
    deadline = time.monotonic() + timeout_s
    seen: object = None
    while time.monotonic() < deadline:
        try:
            found = look()
        except (LabError, OSError) as error:
            seen = error
        else:
            if found:
                return found
            seen = found
        time.sleep(_POLL_S)
    raise LabError(f"{what}: not after {timeout_s:.0f} s; seen last: {seen!r}")
