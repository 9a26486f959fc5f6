"""Control characters: nothing that an upstream names writes a line or a colour of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from exporter.records.printable import OBEYED, printable


@given(some.text())
def test_what_is_printed_is_one_line_without_commands(text: str) -> None:
    """No control character is left, and a text without any is the same."""
    shown = printable(text)
    assert not OBEYED.search(shown)
    assert len(shown.splitlines()) <= 1
    assert shown == text or OBEYED.search(text)


def test_what_was_written_can_still_be_read() -> None:
    """It is escaped, not lost."""
    assert printable("\x1b[31mM\n1\u202ered") == "\\x1b[31mM\\n1\\u202ered"
    assert printable("Zürich – 12 € 👩‍💻") == "Zürich – 12 € 👩‍💻"
