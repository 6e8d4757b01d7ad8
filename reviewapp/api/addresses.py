"""Where a webhook may go: which addresses are refused, and the one address that is then connected to."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from reviewapp.core.exceptions import ApplicationError

MAX_URL = 500


def url_parts(url: str) -> SplitResult:
    """The parts of an address that may be kept. Raises ApplicationError with what is wrong with it."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ApplicationError("This is not an address. Write it like https://example.org/hook.") from error
    if any(ord(ch) <= 32 or ord(ch) == 127 for ch in url.strip()) or not parts.hostname or len(url) > MAX_URL:
        raise ApplicationError("This is not an address. Write it like https://example.org/hook.")
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.WEBHOOKS_ALLOW_HTTP):
        raise ApplicationError("The address must begin with https://.")
    if parts.username or parts.password or port == 0:
        raise ApplicationError("Leave user name and password out of the address; requests are signed instead.")
    return parts


def host_address(host: str, port: int) -> str:
    """The IP address to connect to. Raises ApplicationError when any address of the host is not a public one.

    The caller connects to exactly this address: a name that answers differently the next time leads nowhere else.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ApplicationError(f"The name {host} cannot be found.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.WEBHOOKS_ALLOW_PRIVATE and not all(is_public(address) for address in addresses):
        raise ApplicationError(f"{host} is an inner address of this network, which webhooks do not reach.")
    return addresses[0]


def is_public(address: str) -> bool:
    """True for addresses of the open internet; false for loopback, private, link-local, multicast and reserved ones."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        # 64:ff9b::/96 carries an IPv4 address through a gateway
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast
