"""Redaction: an echoed secret is cut out, however the server writes it."""

from __future__ import annotations

import html
import json
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from exporter.sources.redaction import REMOVED, SHORTEST_SECRET, redacted

SECRET = "sk-ant-admin01/Ab+Cd=_xyz"

ESCAPES: tuple[Callable[[str], str], ...] = (
    lambda sign: sign,
    lambda sign: f"\\u{ord(sign):04x}",
    lambda sign: f"\\u{ord(sign):04X}",
    lambda sign: f"%{ord(sign):02X}",
    lambda sign: f"%{ord(sign):02x}",
    lambda sign: f"&#{ord(sign)};",
    lambda sign: f"&#x{ord(sign):x};",
    lambda sign: f"\\x{ord(sign):02x}",
)

WRITTEN = {
    "plain": SECRET,
    "JSON": json.dumps(SECRET),
    "JSON with escaped slashes": SECRET.replace("/", "\\/"),
    "JSON all escaped": "".join(f"\\u{ord(sign):04x}" for sign in SECRET),
    "HTML": html.escape(SECRET),
    "HTML all escaped": "".join(f"&#{ord(sign)};" for sign in SECRET),
    "URL": quote(SECRET, safe=""),
    "base64": b64encode(SECRET.encode()).decode(),
    "base64 of a header": b64encode(f"Bearer {SECRET}".encode()).decode(),
    "base64 of basic authentication": b64encode(f"me:{SECRET}".encode()).decode(),
    "base64 in a URL": urlsafe_b64encode(f"x{SECRET}y".encode()).decode(),
    "hexadecimal": SECRET.encode().hex(),
    "HEXADECIMAL": SECRET.encode().hex().upper(),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_an_echo_is_cut_out_in_every_common_encoding(written: str) -> None:
    """What is kept, listed and shown holds nothing of it."""
    body = redacted(f'{{"error": "no such key: {written}"}}'.encode(), [SECRET]).decode()
    assert REMOVED in body
    assert written.strip('"') not in body
    assert SECRET not in body


@given(
    some.text(string.ascii_letters + string.digits + "-_.~+/=", min_size=SHORTEST_SECRET, max_size=40),
    some.data(),
)
def test_any_mixture_of_escapes_is_recognized(secret: str, data: some.DataObject) -> None:
    """Each character may be written in a way of its own."""
    ways = data.draw(some.lists(some.sampled_from(ESCAPES), min_size=len(secret), max_size=len(secret)))
    written = "".join(way(sign) for way, sign in zip(ways, secret, strict=True))
    assert redacted(f"<{written}>".encode(), [secret]).decode() == f"<{REMOVED}>"


@given(
    some.text(string.ascii_letters + string.digits + "-_", min_size=SHORTEST_SECRET, max_size=40),
    some.binary(max_size=9),
    some.binary(max_size=9),
)
def test_base64_is_recognized_wherever_the_secret_stands_in_it(
    secret: str, before: bytes, after: bytes
) -> None:
    """It is cut but for the characters that it shares with its neighbours: less than one of its own bytes."""
    written = b64encode(before + secret.encode() + after)
    kept = redacted(written, [secret])
    assert REMOVED.encode() in kept
    assert len(kept) - len(REMOVED) <= len(b64encode(before)) + len(b64encode(after)) + 12


def test_a_body_without_the_secret_stays_as_it_is() -> None:
    """Escapes of other things, and words as short as a weak secret, are the answer's own."""
    body = b'{"name": "caf\\u00e9 100%25 &#8364; secret"}'
    assert redacted(body, [SECRET, "secret"]) == body
