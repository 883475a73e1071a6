"""What every answer says to browsers, and where requests that change something may come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from aiohttp import web

from newsroom.settings import Settings
from newsroom.web.keys import CSP, SETTINGS
from newsroom.web.problem import API_VERSION

STRICT: Mapping[str, str] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "newsroom",
}
# A public form may stand in a frame on the municipality's site; the sites are filled in from the settings.
PUBLIC: Mapping[str, str] = {"frame-ancestors": "{frame_ancestors}", "frame-src": "'none'"}
# The body of a mail, in a frame of our own pages: no scripts, its own styles, no images from elsewhere.
MAIL_BODY: Mapping[str, str] = {
    "script-src": "'none'", "style-src": "'unsafe-inline'", "img-src": "'self' data:", "connect-src": "'none'",
    "font-src": "'none'", "frame-src": "'none'", "form-action": "'none'", "frame-ancestors": "'self'",
    "sandbox": "allow-same-origin allow-popups",
}
# Referrer-Policy is same-origin: with no-referrer, browsers send `Origin: null` with our own forms.
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HSTS = "max-age=63072000; includeSubDomains"  # two years
SAFE = ("GET", "HEAD", "OPTIONS")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, just before it goes out. A handler's own header stays."""
    settings = request.app[SETTINGS]
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", policy(settings, request.get(CSP, {})))
    if request.path.startswith("/api/"):
        response.headers["API-Version"] = API_VERSION
    if is_https(settings):
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    response.headers.popall("Server", None)  # tells attackers a version


def policy(settings: Settings, changes: Mapping[str, str]) -> str:
    """The content security policy with a route's changes."""
    return _written(tuple(settings.frame_ancestors), tuple(changes.items()))


@cache  # one for each kind of page: every answer carries it
def _written(sites: tuple[str, ...], changes: tuple[tuple[str, str], ...]) -> str:
    ancestors = " ".join(("'self'", *sites))
    parts = {name: value.replace("{frame_ancestors}", ancestors) for name, value in {**STRICT, **dict(changes)}.items()}
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def check_origin(request: web.Request) -> None:
    """Refuse what another site sends in somebody's name. A live socket needs our exact Origin; a change needs it
    too, or the browser's word (Sec-Fetch-Site) that our own page asked. Raises `HTTPForbidden`."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    socket = request.headers.get("Upgrade", "").lower() == "websocket"
    if request.method in SAFE and not socket:
        return
    if origin is not None:
        good = origin.lower() in our_origins(request) and site in (None, "same-origin", "none")
    else:
        good = site in ("same-origin", "none") and not socket
    if not good:
        raise web.HTTPForbidden(reason="Foreign origin")


def our_origins(request: web.Request) -> set[str]:
    """With a base URL: its origin. Without: the loopback name or listening address that the visitor used."""
    settings = request.app[SETTINGS]
    if settings.base_url:
        parts = urlsplit(settings.base_url)
        default = {"http": 80, "https": 443}[parts.scheme]
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return {f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")}
    host = urlsplit(f"//{request.host}").hostname
    return {f"http://{request.host}".lower()} if host in (*LOOPBACK, settings.host) else set()


def is_https(settings: Settings) -> bool:
    return settings.address.startswith("https://")
