"""Signing in and out."""

from __future__ import annotations

import math

from aiohttp import web

from newsroom import account, audit, session
from newsroom.web import fields, tries
from newsroom.web.gate import SIGN_IN, home, own_path
from newsroom.web.keys import ADDRESS, DATABASE, SESSION, SETTINGS, now
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.visitor import cookie_name, drop_cookie, network_of, set_cookie


def routes(add: Routes) -> None:
    add.page("GET", "/", start, "signed_in", name="home")
    add.page("GET", SIGN_IN, show, "public", name="sign_in")
    add.page("POST", SIGN_IN, sign_in, "public")
    add.page("POST", "/uitloggen", sign_out, "signed_in", name="sign_out")


async def start(request: web.Request) -> web.StreamResponse:
    """The bare address: to where this person begins."""
    raise web.HTTPSeeOther(home(request))


async def show(request: web.Request) -> web.Response:
    """The form. Who comes from a page that asked for it is told so, and goes on there."""
    wanted = await own_path(request, request.query.get("next", ""))
    again = bool(wanted) and cookie_name(request.app[SETTINGS]) in request.cookies
    return page(request, "sign_in/form.html", next=wanted, again=again, email="", problem="", minutes=0)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Check address and password; which of the two is wrong is never told."""
    form = await fields.read(request)
    email = form.text("email")
    wait = await tries.start(request, email)
    account_id = None if wait else await account.sign_in(request.app[DATABASE], email, form.text("password"))
    if account_id is None:
        return await _refuse(request, form, wait)
    await tries.right(request, email)
    response = web.HTTPSeeOther(await own_path(request, form.text("next")) or "/")
    await open_session(request, response, account_id, "password")
    raise response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End this session, here and in the browser."""
    async with request.app[DATABASE].transaction() as connection:
        await session.end(connection, request[SESSION].token_hash)
        await audit.record(connection, "signed_out", request[SESSION].account_id, request[ADDRESS], now(request))
    response = web.HTTPSeeOther(SIGN_IN)
    drop_cookie(request, response)
    raise response


async def open_session(request: web.Request, response: web.StreamResponse, account_id: int, how: str) -> None:
    """A fresh session on `response`. What the browser came with is worth nothing afterwards."""
    address, at = request[ADDRESS], now(request)
    old = request.cookies.get(cookie_name(request.app[SETTINGS]))
    async with request.app[DATABASE].transaction() as connection:
        if old:
            await session.end(connection, session.hash_of(old))
        token = await session.start(connection, account_id, at, address, request.headers.get("User-Agent", ""))
        await audit.record(connection, "signed_in", account_id, address, at, how=how, network=network_of(address))
    set_cookie(request, response, token)


async def _refuse(request: web.Request, form: fields.Fields, wait: int) -> web.Response:
    async with request.app[DATABASE].connection() as connection:
        await audit.record(connection, "sign_in_failed", None, request[ADDRESS], now(request), waits=bool(wait))
    response = page(request, "sign_in/form.html", 429 if wait else 422, email=form.text("email"), again=False,
                    next=await own_path(request, form.text("next")), minutes=math.ceil(wait / 60),
                    problem="sign_in.wait" if wait else "sign_in.wrong")
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
