"""Addresses of our own processes: host and port in a URL, whether a port is free, whether a part answers."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request

PROBE_SECONDS = 1.0

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""What asks our own parts. A proxy that the environment names leads to other hosts, and not to this one."""


def authority(host: str, port: int) -> str:
    """Return host and port as a URL has them, an IPv6 address in brackets (RFC 3986)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def family(host: str) -> socket.AddressFamily:
    """Return the family of sockets that listen on the host."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_free(host: str, port: int) -> bool:
    """Tell whether nothing listens on the port."""
    try:
        socket.create_server((host, port), family=family(host)).close()
    except OSError:
        return False
    return True


def speaks(host: str, port: int) -> bool:
    """Tell whether a part of ours says anything at all, as one does that wants to know who asks."""
    try:
        with socket.create_connection((host, port), PROBE_SECONDS) as asking:
            asking.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return bool(asking.recv(1))
    except OSError:
        return False


def answers(url: str) -> bool:
    """Tell whether a part of ours answers 200."""
    try:
        with _DIRECT.open(url, timeout=PROBE_SECONDS) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
