"""The pauses of Python's garbage collector, made short.

A full collection looks at every object there is. What a process holds from its start on, its modules and the
books of all settled markets, is never garbage, and looking at it takes a tenth of a second and more behind
a million records: long enough to make one figure in twenty late.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

SELDOM = (2_000, 20, 25)
"""Objects, and collections of the younger, before one: a full one after a million objects, not 70 000."""


def keep() -> None:
    """Leave out of all later collections what is alive now. It is still freed when nothing refers to it.

    What was needed only to get here goes back to the system, where the C library can do that.
    """
    gc.collect()
    gc.freeze()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def seldom() -> None:
    """Look for garbage less often, where thousands of connections come at once and none of them is garbage.

    By itself Python looks at all of them a dozen times while they come, for up to 400 ms each. What is missed
    meanwhile is a few megabytes.
    """
    gc.set_threshold(*SELDOM)
