"""The pauses of Python's garbage collector, made short.

A full collection looks at every object there is. What a process holds from its start on, its modules and the
books of all settled markets, is never garbage, and looking at it takes a tenth of a second and more behind
a million records: long enough to make one figure in twenty late.
"""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def keep() -> None:
    """Leave out of all later collections what is alive now. It is still freed when nothing refers to it.

    What was needed only to get here goes back to the system, where the C library can do that.
    """
    gc.collect()
    gc.freeze()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
