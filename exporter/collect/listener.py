"""Who is told what the exporter has done."""

from __future__ import annotations

from exporter.snapshot import Snapshot
from exporter.sources.contract import Reading


class Listener:
    """Told of each step when it is done and can no longer be lost. Must return at once, and never raise."""

    def booked(self, reading: Reading) -> None:
        """The ledger has taken a reading; no snapshot shows it yet."""

    def published(self, snapshot: Snapshot) -> None:
        """A snapshot is committed, and may be seen."""
