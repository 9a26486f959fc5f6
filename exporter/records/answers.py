"""Raw upstream answers, which every record was read from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A raw upstream answer as it came, before anybody read it. `request` holds no credential."""

    source: str
    request: str
    status: int
    fetched_at: datetime
    body: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()
