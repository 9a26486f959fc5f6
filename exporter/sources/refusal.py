"""Error codes of upstream answers: why a server refused, in its own code word.

Source: error bodies of the upstreams (read 2026-11): flat `{"code", "message", "details"}`, nested
        `{"error": {"code" or "type", "message", "details"}}`, or just `{"error": "text"}`.
Rule:   only a bare code word is repeated. Prose may quote what was sent, and that may be a secret.
"""

from __future__ import annotations

import json
import re
from typing import Any

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{1,48}")


def code_word(body: bytes) -> str | None:
    """Return the most telling code of an error body; None when it has none."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict):
        return None
    error = whole.get("error", whole)
    told: dict[str, Any] = error if isinstance(error, dict) else {}
    for name in ("details", "code", "type"):
        word = told.get(name)
        if isinstance(word, str) and _WORD.fullmatch(word):
            return word
    return None
