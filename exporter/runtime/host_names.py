"""By which name we were asked: the Host header of a request, and whether that name can be believed.

A page of another site can have its own name lead to this machine once it was loaded (DNS rebinding). The
browser takes what it then reads from us for that site's own. The name that it asks for gives it away, because
a page can choose where its name leads to, and not what its name is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

_LABEL = r"[a-z0-9_-]{1,63}"
_HOST = re.compile(
    rf"(?:({_LABEL}(?:\.{_LABEL})*\.?)|\[([0-9a-f:.]+)\])(?::([0-9]{{0,5}}))?", re.ASCII | re.IGNORECASE
)
"""A name or an IPv4 address, or an IPv6 address in brackets, and perhaps a port (RFC 9110, 7.2)."""

MAX_PORT = 65_535


def host_name(header: str) -> str | None:
    """Return the name or the address in a Host header, in small letters; None when it is neither."""
    found = _HOST.fullmatch(header)
    if found is None or int(found[3] or 0) > MAX_PORT:
        return None
    if found[2] is None:
        return found[1].lower().removesuffix(".")
    try:
        return str(IPv6Address(found[2]))
    except ValueError:
        return None


class HostNames:
    """The names that are ours: any address, localhost, a name without a dot, and those that are listed.

    A page that was loaded by an address keeps it, so no other can pretend to it. Names without a dot cannot
    be bought; containers and machines of one's own have them.
    """

    def __init__(self, listed: Iterable[str] = ()) -> None:
        self._listed = frozenset(name.lower().removesuffix(".") for name in listed)

    def __contains__(self, name: str) -> bool:
        if "." not in name or name.endswith(".localhost") or name in self._listed:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True
