"""The Host header: what it names, and which names can be believed."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.runtime.host_names import HostNames, host_name
from tests.examples import ANY

LABEL = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,10}[A-Za-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PORT = st.just("") | st.integers(0, 65_535).map(lambda port: f":{port}")
SIGNS = st.text("[]:.%@/?#\\ \t\r\n\0-_axAX09äß٣", max_size=12)


@given(NAME, st.sampled_from(["", "."]), PORT)
def test_a_name_is_read_with_and_without_its_port(name: str, dot: str, port: str) -> None:
    """In small letters, and without the dot that may end it."""
    assert host_name(f"{name}{dot}{port}") == name.lower()


@given(st.ip_addresses(), PORT)
def test_an_address_is_read_and_believed(address: IPv4Address | IPv6Address, port: str) -> None:
    """IPv6 in brackets, however it is written."""
    for text in (str(address), address.exploded.upper()):
        found = host_name((f"[{text}]" if address.version == 6 else text) + port)
        assert found == str(address)
        assert found in HostNames()


@given(st.text(ANY, max_size=20) | SIGNS | st.binary(max_size=20).map(lambda raw: raw.decode("latin-1")))
def test_whatever_is_sent_is_a_name_or_none(text: str) -> None:
    """Never a fault; and what is taken for a name is the one that a URL has there."""
    found = host_name(text)
    if found is not None:
        there = urlsplit(f"http://{text}/").hostname
        assert there is not None
        assert found == there.removesuffix(".") or IPv6Address(found) == IPv6Address(there)
        assert found.isascii()
        assert found.isprintable()


NO_HOST = (
    "",
    " ",
    ".",
    "a..b",
    ".a",
    "a b",
    "a:b",
    "a:65536",
    "a:80:80",
    "a@b",
    "a/b",
    "a,b",
    "a%41",
    "[::1",
    "::1",
    "[]",
    "[a]",
    "[::1]x",
    "[v1.x]",
    "[fe80::1%25eth0]",
    "http://a",
    "exämple.com",
    "a\r\nb",
    "a\n",
    "l" * 64,
)


@pytest.mark.parametrize("text", NO_HOST)
def test_what_is_no_host_is_none(text: str) -> None:
    """Neither a name nor an address, or a port that is none."""
    assert host_name(text) is None


@pytest.mark.parametrize("name", ["localhost", "page.localhost", "exporter", "127.0.0.1", "0.0.0.0", "::1"])
def test_a_name_that_nobody_can_own_is_believed(name: str) -> None:
    """And any address."""
    assert name in HostNames()


@pytest.mark.parametrize(
    "name", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.1", "notlocalhost.com"]
)
def test_a_name_that_may_be_anybodys_is_believed_when_it_is_listed(name: str) -> None:
    """Its owner can have it lead to this machine."""
    assert name not in HostNames()
    assert name not in HostNames(["example.com"])
    assert name in HostNames([f"{name.upper()}."])
    assert f"sub.{name}" not in HostNames([name])
