"""What properties are tried on: how many examples, all asked for or a share of them, and any text."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

USUAL = 100
"""What Hypothesis takes when it is told nothing."""


ANY = st.characters(exclude_categories=["Cs"])
"""What UTF-8 can write, as Hypothesis takes by itself; but there it tries a million characters to know."""


def examples(count: int) -> int:
    """Return the share of `count` that the profile in use takes of the usual number."""
    return max(1, count * settings.default.max_examples // USUAL)
