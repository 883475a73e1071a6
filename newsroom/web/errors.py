"""When something goes wrong: a page that says what happened and what to do, with a reference for the log."""

from __future__ import annotations

import asyncpg
from aiohttp import web

from newsroom.access import Forbidden
from newsroom.conversation import NotFound
from newsroom.web import problem
from newsroom.web.gate import wants_page
from newsroom.web.keys import REFERENCE, log
from newsroom.web.problem import TITLES, Refusal
from newsroom.web.render import page

RETRY_SECONDS = 5  # when the database is away; it restarts in a few
LEFT = 499  # in the log: the visitor went away while we were answering
OWN_TEXT = (400, 403, 404, 405, 410, 413, 429, 500, 503)  # the statuses with words of their own in the catalogue
PROGRAMS = ("/api/", "/ontvangst/")  # addresses that only programs use
DETAILS = {404: "There is nothing at this address.", 405: "This address does not take this method.",
           500: "The fault is ours, and in our log under this reference.",
           503: "The database is away. Nothing was stored: try again, with the same key."}
GONE = (asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError, asyncpg.TooManyConnectionsError, ConnectionError, TimeoutError)


@web.middleware
async def errors(request: web.Request, handler) -> web.StreamResponse:
    """Turn everything raised below into an answer."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return answer(request, error.status, error.headers)
    except Forbidden:
        return answer(request, 403)
    except NotFound:
        return answer(request, 404)
    except Exception as error:
        if has_left(request, error):
            return web.Response(status=LEFT)  # which nobody gets
        if is_database_gone(error):
            log.error("database unreachable", error=type(error).__name__)
            return answer(request, 503, {"Retry-After": str(RETRY_SECONDS)})
        log.exception("request failed")
        return answer(request, 500)


def answer(request: web.Request, status: int, headers=None) -> web.Response:
    """A page, or JSON for programs. Tells no more than the status and the reference."""
    if request.path.startswith(PROGRAMS):
        title = TITLES.get(status, TITLES[500 if status >= 500 else 400])
        response = problem.answer(request, Refusal(status, title, DETAILS.get(status, f"{title}.")))
    elif wants_page(request):
        known = status if status in OWN_TEXT else 500 if status >= 500 else 400
        response = page(request, "error.html", status, kind=known)
    else:
        response = web.json_response({"error": status, "reference": request.get(REFERENCE, "")}, status=status)
    for name in ("Allow", "Retry-After"):
        if headers and name in headers:
            response.headers[name] = headers[name]
    return response


def has_left(request: web.Request, error: BaseException) -> bool:
    """Whether it is the visitor who went away, in the middle of a request."""
    return isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing())


def is_database_gone(error: BaseException) -> bool:
    """Whether the database cannot be reached, rather than that we asked it something wrong."""
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # "connection is closed"; a wrong argument is a ValueError too
    missing_socket = isinstance(error, FileNotFoundError) and error.filename is None  # its socket file is gone
    return isinstance(error, GONE) or missing_socket
