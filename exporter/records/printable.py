"""Control characters: what a terminal or a log would obey is written out instead.

Rule:   an id that holds one is no id, so its row is set aside; what is only a name is kept, escaped. Whatever
        is printed or logged passes through `printable` once more: it may have been stored before.
"""

from __future__ import annotations

import re

OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends of Unicode, changes of direction, and halves of characters."""


def printable(text: str) -> str:
    r"""Return a text in one line that changes nothing around it: an ESC becomes `\x1b`."""
    return OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)
