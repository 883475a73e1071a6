"""Who asks: a reference for the request, the visitor's address, and the session behind the cookie."""

from __future__ import annotations

import secrets
import time
from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from newsroom import access, account, report, session
from newsroom.database import Database
from newsroom.settings import Settings
from newsroom.web.keys import ACCOUNT, ADDRESS, DATABASE, REFERENCE, SCOPE, SESSION, SETTINGS, log, now
from newsroom.web.security import is_https

LONGEST_COOKIE = 100  # characters; ours has 43
QUIET = ("GET", "HEAD")  # logged only when something went wrong


@web.middleware
async def reference(request: web.Request, handler) -> web.StreamResponse:
    """Give the request a reference and an address, and log it: the route, never its tokens or its text."""
    request[REFERENCE] = secrets.token_hex(6)
    request[ADDRESS] = address_of(request)
    started = time.perf_counter()
    structlog.contextvars.clear_contextvars()  # a connection's next request has the same context
    structlog.contextvars.bind_contextvars(request=request[REFERENCE])
    response = await handler(request)
    level = log.error if response.status >= 500 else log.debug if request.method in QUIET else log.info
    resource = request.match_info.route.resource
    level("request", method=request.method, route=resource.canonical if resource else "", status=response.status,
          ms=round((time.perf_counter() - started) * 1000, 1), address=request[ADDRESS])
    return response


def address_of(request: web.Request) -> str:
    """The visitor's address: the last one in X-Forwarded-For that is not a trusted proxy, believed only when a
    trusted proxy brought it. Always a valid address, or empty (a local socket)."""
    settings = request.app[SETTINGS]
    chain = [part.strip() for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
    address = _valid(request.remote or "")
    while address and chain and _trusted(address, settings):
        before = _valid(chain.pop())
        if not before:
            break
        address = before
    return address


async def identify(request: web.Request) -> bool:
    """Look up the session; fills ACCOUNT, SESSION and SCOPE. False: nobody is signed in."""
    token = request.cookies.get(cookie_name(request.app[SETTINGS]), "")
    if not token or len(token) > LONGEST_COOKIE:
        return False
    async with request.app[DATABASE].connection() as connection:
        found = await session.find(connection, token, now(request))
        scope = await access.scope(connection, found.account_id) if found else None
        person = await account.find(connection, found.account_id) if found and scope else None
    if found is None or scope is None or person is None:
        return False
    request[SESSION], request[SCOPE], request[ACCOUNT] = found, scope, person
    return True


def seen(request: web.Request) -> Database:
    """The database as the person who is signed in may see it: for every page that shows conversations."""
    return request.app[DATABASE].seen_by(request[SCOPE].classes)


def counted(request: web.Request) -> Database:
    """The database for figures: as `seen`; for who may see no conversation, the ordinary ones. See report.classes."""
    return request.app[DATABASE].seen_by(report.classes(request[SCOPE]))


def cookie_name(settings: Settings) -> str:
    """__Host- ties the cookie to this host over HTTPS. On plain HTTP the port tells installations apart."""
    if is_https(settings):
        return "__Host-newsroom"
    return f"newsroom-{urlsplit(settings.address).port or 80}"


def set_cookie(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Hand the session to the browser, until it is closed or the session ends."""
    settings = request.app[SETTINGS]
    response.set_cookie(cookie_name(settings), token, path="/", secure=is_https(settings), httponly=True,
                        samesite="Lax")


def drop_cookie(request: web.Request, response: web.StreamResponse) -> None:
    settings = request.app[SETTINGS]
    response.del_cookie(cookie_name(settings), path="/", secure=is_https(settings), httponly=True, samesite="Lax")


def network_of(address: str) -> str:
    """What counts as one place when tries are counted: an IPv4 address, or the /64 that one IPv6 line has."""
    valid = _valid(address)
    if not valid or ip_address(valid).version == 4:
        return valid
    return str(ip_network(f"{valid}/64", strict=False))


@lru_cache(maxsize=1000)  # the same few ask again and again
def _valid(text: str) -> str:
    try:
        found = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _trusted(address: str, settings: Settings) -> bool:
    return any(_within(address, known) for known in settings.trusted_proxies)


@lru_cache(maxsize=1000)
def _within(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network, strict=False)
    except ValueError:
        return False  # a host name: reported by the settings check, never believed
