"""No test is given a port that another holds."""

from __future__ import annotations

import re
import socket
import struct
import sys
from pathlib import Path

import pytest

from tests.ports import HOST, held_port

TESTS = Path(__file__).parent
IP_LOCAL_PORT_RANGE = 51
"""From <linux/in.h>: the ports among which the kernel chooses for this socket."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told which port to choose")
@pytest.mark.parametrize("reuse", [False, True])
def test_a_held_port_is_given_to_nobody_who_asks_for_any(reuse: bool) -> None:
    """Not to one who would listen, nor to a connection that goes out, though there is no other to give."""
    port = held_port()
    for ask in (lambda one: one.bind((HOST, 0)), lambda one: one.connect(server.getsockname())):
        with socket.create_server((HOST, 0)) as server, socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            try:
                one.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", port << 16 | port))
            except OSError:
                pytest.skip("this kernel cannot be told which port to choose")
            with pytest.raises(OSError, match=r"in use|Cannot assign"):
                ask(one)


def test_a_held_port_refuses_until_its_server_listens() -> None:
    """Nothing answers by accident; the process that was told the port can have it, again and again."""
    port = held_port()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port))
        with socket.create_server((HOST, port)):
            socket.create_connection((HOST, port)).close()


def test_nobody_picks_a_port_otherwise() -> None:
    """A port is held, or its socket listens when its number is known."""
    for file in TESTS.rglob("*.py"):
        if file not in (Path(__file__), TESTS / "ports.py"):
            assert not re.search(r"free_port|\.bind\(\(.*, 0\)\)", file.read_text()), file
