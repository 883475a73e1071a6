"""One's own profile: name, language and looks, password, and where one is signed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from aiohttp import web

from newsroom import account, audit, password, session
from newsroom.account import DENSITIES, LANGUAGES, THEMES
from newsroom.change import Wrong
from newsroom.password import TooWeak
from newsroom.web import fields, tries
from newsroom.web.gate import home, own_path, wants_page
from newsroom.web.keys import ACCOUNT, ADDRESS, DATABASE, SESSION, SETTINGS, now
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.visitor import set_cookie

FRESH = timedelta(minutes=15)  # this soon after signing in, the own password is not asked again
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
           ("Mac OS", "macOS"), ("Linux", "Linux"))
SAVED = ("profile", "password", "session")


def routes(add: Routes) -> None:
    add.page("GET", "/profiel", show, "signed_in", name="profile")
    add.page("POST", "/profiel", save, "signed_in")
    add.page("POST", "/profiel/dichtheid", save_density, "signed_in", name="profile_density")
    add.page("POST", "/profiel/wachtwoord", change_password, "signed_in", name="profile_password")
    add.page("POST", "/profiel/sessies", end_others, "signed_in", name="profile_sessions")
    add.page("POST", "/profiel/sessies/{id:[0-9a-f]{16}}", end_one, "signed_in", name="profile_session")


async def show(request: web.Request) -> web.Response:
    """The whole profile."""
    return await _profile(request)


async def save(request: web.Request) -> web.StreamResponse:
    """Name, language, theme, density, single-letter shortcuts."""
    form = await fields.read(request)
    try:
        async with request.app[DATABASE].transaction() as connection:
            await account.set_profile(connection, request[ACCOUNT].id, form.text("name"), form.text("language"),
                                      form.text("theme"), form.text("density"), form.on("single_keys"))
    except Wrong as wrong:
        return await _profile(request, {wrong.field: wrong.key}, form.text("name"))
    raise _saved(request, "profile")


async def save_density(request: web.Request) -> web.StreamResponse:
    """Only the density, from the board; back to where it was asked."""
    form = await fields.read(request)
    try:
        async with request.app[DATABASE].transaction() as connection:
            await account.set_density(connection, request[ACCOUNT].id, form.text("density"))
    except Wrong as wrong:
        raise web.HTTPBadRequest from wrong
    if not wants_page(request):
        return web.json_response({"ok": True})
    raise web.HTTPSeeOther(await own_path(request, form.text("back")) or home(request))


async def change_password(request: web.Request) -> web.StreamResponse:
    """Another password: the present one is asked, the other sessions end, this one gets another id."""
    form = await fields.read(request)
    person = request[ACCOUNT]
    try:
        if person.has_password:
            await prove(request, form.text("current"))
        hashed = await password.hash(form.text("password"), person.name, person.email,
                                     request.app[SETTINGS].organisation)
    except (Wrong, TooWeak) as wrong:
        return await _profile(request, {getattr(wrong, "field", "password"): wrong.key})
    async with request.app[DATABASE].transaction() as connection:
        await account.set_password(connection, person.id, hashed, now(request), request[SESSION].token_hash)
        token = await session.renew(connection, request[SESSION].token_hash)
        await audit.record(connection, "password_set", person.id, request[ADDRESS], now(request), how="profile")
    response = _saved(request, "password")
    set_cookie(request, response, token)
    raise response


async def end_one(request: web.Request) -> web.StreamResponse:
    """End one of one's own sessions. This one: signed out with the next request."""
    async with request.app[DATABASE].transaction() as connection:
        if await session.end_by_id(connection, request[ACCOUNT].id, request.match_info["id"]):
            await audit.record(connection, "session_ended", request[ACCOUNT].id, request[ADDRESS], now(request))
    raise _saved(request, "session")


async def end_others(request: web.Request) -> web.StreamResponse:
    """End every session but this one."""
    async with request.app[DATABASE].transaction() as connection:
        ended = await session.end_all(connection, request[ACCOUNT].id, request[SESSION].token_hash)
        await audit.record(connection, "session_ended", request[ACCOUNT].id, request[ADDRESS], now(request), n=ended)
    raise _saved(request, "session")


async def prove(request: web.Request, given: str, field: str = "current") -> None:
    """Ask the person's own password again. Raises `Wrong`; tries are counted as at signing in."""
    person = request[ACCOUNT]
    if await tries.start(request, person.email):
        raise Wrong(field, "wrong.too_many_tries")
    if not await account.proves(request.app[DATABASE], person.id, given):
        raise Wrong(field, "wrong.own_password")
    await tries.right(request, person.email)


def must_prove(request: web.Request) -> bool:
    """Rights, links and channels open other people's work: somebody at an unlocked desk does not get them."""
    return request[ACCOUNT].has_password and request[SESSION].created_at < now(request) - FRESH


async def prove_again(request: web.Request, form: fields.Fields) -> None:
    """The own password, some time after signing in. Raises `Wrong`."""
    if must_prove(request):
        await prove(request, form.text("own_password"), "own_password")


async def _profile(request: web.Request, problems: Mapping[str, str] | None = None,
                   name: str | None = None) -> web.Response:
    async with request.app[DATABASE].connection() as connection:
        sessions = await session.of_account(connection, request[ACCOUNT].id, now(request))
    rows = [(one, browser(one.agent), one.token_hash == request[SESSION].token_hash) for one in sessions]
    saved = request.query.get("saved", "")
    return page(request, "profile.html", 422 if problems else 200, problems=problems or {}, sessions=rows,
                name=request[ACCOUNT].name if name is None else name, saved=saved if saved in SAVED else "",
                languages=LANGUAGES, themes=THEMES, densities=DENSITIES)


def browser(agent: str) -> str:
    """ "Firefox, Windows": enough to recognise one's own machine."""
    found = [next((name for sign, name in signs if re.search(sign, agent)), "") for signs in (BROWSERS, SYSTEMS)]
    return ", ".join(filter(None, found))


def _saved(request: web.Request, what: str) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(str(request.app.router["profile"].url_for().with_query(saved=what)))
