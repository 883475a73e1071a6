"""The one way out to an address that people filled in: HTTPS, to public addresses and to networks the operator allows.

An address is judged when the connection is made. So a name that means something else the second time, and every odd
spelling of an address within, meet the same question. Redirects are not followed, proxies are not used, and no more
is read than asked.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    InvalidURL,
    TCPConnector,
)

SECONDS = 20.0  # for the whole of a request
CONNECT_SECONDS = 5.0
ANSWER_BYTES = 65_536  # of an answer that is read

NOT_SENT = (ClientConnectorError, ConnectionTimeoutError)  # raised before anything was sent
FAILED = (ClientError, TimeoutError, OSError)  # all that a request may raise; besides the above it may have arrived

Address = IPv4Address | IPv6Address
_TRANSLATED = ip_network("64:ff9b::/96")  # an IPv4 address in the last four bytes (RFC 6052)
_permitted: tuple[IPv4Network | IPv6Network, ...] = ()


class NotAllowed(ClientError, OSError):  # both: aiohttp passes on the first as it is, and its connector the second
    """The address may not be reached from here: it is wrong, or an administrator has to permit its network."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: status, headers (lower case), and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def after(self) -> float:
        """The seconds of a Retry-After header, else a minute; at most an hour."""
        seconds = self.headers.get("retry-after", "")
        return min(float(seconds), 3600.0) if seconds.isascii() and seconds.isdecimal() else 60.0


def permit(networks: Iterable[str]) -> None:
    """Let this process reach these networks besides public addresses. Raises ValueError for what is none."""
    global _permitted
    _permitted = tuple(ip_network(text) for text in networks)


def session(seconds: float = SECONDS, **more: Any) -> ClientSession:
    """A client that reaches allowed addresses only, and raises `NotAllowed` for others. Whoever makes it closes it,
    asks `check` about each address first, and follows no redirects."""
    return ClientSession(connector=TCPConnector(socket_factory=_socket, force_close=True), trust_env=False,
                         timeout=ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS), middlewares=(_say_why,),
                         **more)


async def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float = SECONDS) -> Answer:
    """One POST. Raises `NotAllowed`, and `FAILED`: of those, what is `NOT_SENT` was certainly not sent."""
    check(url)
    async with session(seconds, auto_decompress=False) as client:
        try:
            async with client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status, found, await answer.content.read(ANSWER_BYTES))
        except InvalidURL as error:  # an IPv4 address in an odd spelling
            raise NotAllowed("no address of a website") from error


def check(url: str) -> None:
    """Raise `NotAllowed` for what is no address of a website, or would travel in the clear outside an allowed
    network."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise NotAllowed("no address of a website") from error
    if not host or parts.scheme not in ("http", "https") or not url.isprintable():
        raise NotAllowed("no address of a website")
    if parts.scheme == "http" and not _is_permitted(host):
        raise NotAllowed("not https")


def allowed(address: str) -> bool:
    """Whether an IP address may be reached: public, or in a network that the operator allows."""
    found = _inner(ip_address(address.partition("%")[0]))
    public = found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)
    return public or any(found in network for network in _permitted)


def _is_permitted(host: str) -> bool:
    """Whether the host is an address in an allowed network itself; a name could mean another one later."""
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return False
    return any(address in network for network in _permitted)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, when it does."""
    if isinstance(address, IPv6Address):
        if inner := address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1]):
            return inner
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def _say_why(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    try:
        return await handler(request)
    except ClientConnectorError as error:
        if isinstance(error.os_error, NotAllowed):
            raise error.os_error from error
        raise


def _socket(found: tuple) -> socket.socket:
    family, kind, protocol, _, where = found
    if not allowed(where[0]):
        raise NotAllowed("an address inside")
    return socket.socket(family, kind, protocol)
