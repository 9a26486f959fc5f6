"""How many examples a property is tried on: all that it asks for, or a share of them in `make quick`."""

from __future__ import annotations

from hypothesis import settings

USUAL = 100
"""What Hypothesis takes when it is told nothing."""


def examples(count: int) -> int:
    """Return the share of `count` that the profile in use takes of the usual number."""
    return max(1, count * settings.default.max_examples // USUAL)
