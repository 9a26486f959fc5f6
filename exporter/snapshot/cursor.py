"""A place in the stream of snapshots."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the stream: which numbering, and how far. Written `epoch-sequence`."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor the text states, None when it states none."""
        epoch, dash, sequence = text.rpartition("-")
        if not dash or not epoch or not (sequence.isascii() and sequence.isdigit()) or len(sequence) > 18:
            return None
        return cls(epoch, int(sequence))
