"""The gate before every handler: origin, session, permission. What is not declared is refused."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from yarl import URL

from newsroom import audit
from newsroom.access import Forbidden
from newsroom.web.keys import ADDRESS, CSP, DATABASE, SCOPE, now
from newsroom.web.menu import rail
from newsroom.web.routes import POLICIES, USUAL_BYTES
from newsroom.web.security import check_origin
from newsroom.web.visitor import identify

OPEN = ("public", "machine")
SIGN_IN = "/inloggen"


@dataclass(frozen=True, slots=True)
class _Asked:
    """As much of a request as the router looks at."""

    method: str
    rel_url: URL


@web.middleware
async def gate(request: web.Request, handler) -> web.StreamResponse:
    """Let through what the route's policy allows."""
    if request.match_info.http_exception is not None:  # no such page, or not with this method
        return await handler(request)
    policy = request.app[POLICIES].get(request.match_info.route)
    if policy is None:
        raise Forbidden("undeclared")
    request[CSP] = policy.csp
    if policy.permission != "machine":
        check_origin(request)
    if policy.most_bytes != USUAL_BYTES:
        request = request.clone(client_max_size=policy.most_bytes)
    if policy.permission in OPEN:
        return await handler(request)
    if not await identify(request):
        return await ask_to_sign_in(request)
    structlog.contextvars.bind_contextvars(account=request[SCOPE].account_id)
    if policy.permission != "signed_in" and not request[SCOPE].may(policy.permission):
        await _note_refusal(request, policy.permission)
        raise Forbidden(policy.permission)
    return await handler(request)


async def ask_to_sign_in(request: web.Request) -> web.StreamResponse:
    """A page for people, 401 for programs and scripts."""
    if not wants_page(request):
        return web.json_response({"error": "sign_in", "sign_in": SIGN_IN}, status=401)
    wanted = request.path_qs if request.method in ("GET", "HEAD") else _came_from(request)
    own = await own_path(request, wanted)
    raise web.HTTPSeeOther(str(URL(SIGN_IN).with_query(next=own)) if own else SIGN_IN)


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at the answer."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    socket = request.headers.get("Upgrade", "").lower() == "websocket"
    return mode == "navigate" and not socket and not request.path.startswith("/api/") \
        and "text/html" in request.headers.get("Accept", "text/html").replace("*/*", "text/html")


async def own_path(request: web.Request, wanted: str) -> str:
    """`wanted` when it is one of our own pages, else empty: nobody is ever sent to another site."""
    parts = _split(wanted)
    if not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted or not wanted.isprintable() \
            or parts is None or parts.scheme or parts.netloc:
        return ""
    target = URL.build(path=parts.path, query_string=parts.query, encoded=True)
    try:
        found = await request.app.router.resolve(_Asked("GET", target))
    except ValueError:
        return ""
    policy = request.app[POLICIES].get(found.route)
    return str(target) if policy and policy.permission not in OPEN else ""


def home(request: web.Request) -> str:
    """Where somebody begins who asked for no page in particular."""
    items = rail(request)
    return items[0].url if items else str(request.app.router["profile"].url_for())


def _split(wanted: str):
    try:
        return urlsplit(wanted)
    except ValueError:
        return None


def _came_from(request: web.Request) -> str:
    parts = _split(request.headers.get("Referer", ""))
    return parts.path + (f"?{parts.query}" if parts.query else "") if parts and parts.netloc == request.host else ""


async def _note_refusal(request: web.Request, permission: str) -> None:
    route = request.match_info.route.resource
    async with request.app[DATABASE].connection() as connection:
        await audit.record(connection, "refused", request[SCOPE].account_id, request[ADDRESS], now(request),
                           permission=permission, route=route.canonical if route else "")
