"""Ports for the processes of tests, each held while the tests run, so that no two are given the same.

A port that was free a moment ago may be anybody's: another test's, or that of a connection that goes out.
Two servers once met on such a port, and each test read the other's figures. What is held is bound and never
listens. The kernel gives it to nobody who asks for any port, and lets a server that sets SO_REUSEADDR, as all
of ours and Go's do, listen on it; until then a connection is refused.
"""

from __future__ import annotations

import socket

HOST = "127.0.0.1"
_HELD: list[socket.socket] = []


def held_port(host: str = HOST) -> int:
    """Return a port of the loopback that nobody else is given."""
    holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    _HELD.append(holder)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((host, 0))
    port: int = holder.getsockname()[1]
    return port
