"""What kinds of sources there are, and what everybody may know of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["venue", "sales", "api_cost", "other"]
"""Which books a source feeds: those of a trading venue, of a shop, of an API's bill, or none of its own."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One source that was set up. Its `name` is on every record it brings; `title` is for people."""

    name: str
    title: str
    kind: Kind
