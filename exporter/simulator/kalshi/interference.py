"""What the fault dial does to the frames of a socket: some lost, some twice, some late, some garbled.

A socket fault's `endpoint` names a channel, its `count` is of frames (of connections for `ws_drop`
and `ws_overflow`), and `value` n spares all but every n-th frame.
"""

from __future__ import annotations

import json
from typing import Any

from exporter.simulator.faults import Fault, Faults
from exporter.simulator.mutation import mutate

GARBAGE = "<html><body>502 Bad Gateway</body></html>"


class Interference:
    """The dial as one connection feels it."""

    def __init__(self, faults: Faults, source: str) -> None:
        self.faults, self.source = faults, source
        self._held: str | None = None
        self._seen: dict[int, int] = {}

    def ends(self, kind: str) -> bool:
        """Say whether a fault of this kind, which hits a whole connection, hits this one; count it."""
        return bool(self.faults.strike_frame(self.source, "", lambda fault: fault.kind == kind))

    def silent(self) -> bool:
        """Say whether nothing at all is sent at present."""
        return any(fault.kind == "ws_silent" for fault in self.faults.active(self.source))

    def frames(self, channel: str, frame: dict[str, Any]) -> list[str]:
        """Return the texts to send in place of a frame: none, one, or several."""
        text = json.dumps(frame)
        hits = self.faults.strike_frame(self.source, channel, self._due)
        for fault in hits:
            if fault.kind == "ws_garbage":
                text = garbled(frame, fault)
        kinds = {fault.kind for fault in hits}
        if kinds & {"ws_silent", "ws_lose"}:
            return []
        if "ws_reorder" in kinds and self._held is None:
            self._held = text
            return []
        late, self._held = self._held, None
        texts = [text] * (2 if "ws_duplicate" in kinds else 1)
        return texts if late is None else [*texts, late]

    def _due(self, fault: Fault) -> bool:
        if fault.kind in ("ws_drop", "ws_overflow"):
            return False
        every = fault.value if isinstance(fault.value, int) and fault.value > 1 else 1
        seen = self._seen[id(fault)] = self._seen.get(id(fault), 0) + 1
        return seen % every == 0


def garbled(frame: dict[str, Any], fault: Fault) -> str:
    """Return a frame that is no JSON, or one whose `field` was renamed to `value` or changed otherwise."""
    if fault.field is None:
        return GARBAGE
    operation = fault.operation or ("rename" if isinstance(fault.value, str) else "remove")
    return json.dumps(mutate(frame, fault.field, operation, fault.value))
