"""Where other people's code failed: its kind and place, and nothing of what it said.

The text of an error may quote what was sent, and that may be a secret; so may a traceback.
"""

from __future__ import annotations

import traceback
from pathlib import Path


def where(error: BaseException) -> str:
    """Return the kind of an error and the line that raised it, as `KeyError in shop/client.py, line 12`."""
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return kind
    path = Path(frames[-1].filename)
    return f"{kind} in {path.parent.name}/{path.name}, line {frames[-1].lineno}"
