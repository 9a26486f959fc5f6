"""How far a source's own time has come, by what it has shown: from there it is asked again.

Our clock may be wrong, and a list may lag: who asks for what changed since our own last look loses what
was dated before it. A list that goes by the time of a change has reached the newest change in it. What has
no such time has reached what the source's clock was when it was asked.
"""

from __future__ import annotations

from datetime import datetime

from exporter.records import Kind, Sale
from exporter.sources.contract import Reading, Window
from exporter.store.records import Watermark


def remembered(kind: Kind, mark: Watermark) -> datetime | None:
    """Return how far a source had come by what is stored.

    A version before this one kept our own clock's time only: from there on sales may be missing, so a shop
    is read once more from the beginning.
    """
    return mark.as_of if mark.reached is None and kind != "sales" else mark.reached


def reached(kind: Kind, before: datetime | None, reading: Reading, window: Window) -> datetime | None:
    """Return how far a source has come with a reading; None while it has never shown a change.

    A change that is dated ahead of the source's own clock does not count as far as that: what comes
    meanwhile would be asked for in vain.
    """
    skew = window.skew if reading.skew is None else reading.skew
    if kind != "sales":
        # It was asked up to what we took its clock for, which may be old news: the earlier one loses nothing.
        return window.end + min(skew, window.skew)
    shown = [record.updated_at for record in reading.records if isinstance(record, Sale)]
    newest = min(max(shown), window.end + skew) if shown else None
    return max((known for known in (before, newest) if known is not None), default=None)
