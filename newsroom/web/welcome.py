"""One-time links: the first start, an invitation, a new password. A GET shows, only the POST uses the link up."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from newsroom import account, audit, letter, link, password, rights
from newsroom.access import ROLES
from newsroom.change import Wrong
from newsroom.database import Connection
from newsroom.link import Link
from newsroom.password import TooWeak
from newsroom.web import fields, tries
from newsroom.web.keys import ADDRESS, CLOCK, DATABASE, SETTINGS, later, log, now
from newsroom.web.render import language_of, page
from newsroom.web.routes import Routes
from newsroom.web.sign_in import open_session

FIRST_ROLES = ("admin", "chef_dag")  # ticked beforehand: a new municipality sees its board and can set it up


def routes(add: Routes) -> None:
    add.page("GET", "/start/{token}", show_start, "public")
    add.page("POST", "/start/{token}", start, "public")
    add.page("GET", "/uitnodiging/{token}", show_invitation, "public")
    add.page("POST", "/uitnodiging/{token}", accept, "public")
    add.page("GET", "/wachtwoord", show_ask, "public", name="reset_ask")
    add.page("POST", "/wachtwoord", ask, "public")
    add.page("GET", "/wachtwoord/{token}", show_reset, "public")
    add.page("POST", "/wachtwoord/{token}", reset, "public")


async def show_start(request: web.Request) -> web.Response:
    """The first account, or a plain way in for the account that the link was made for."""
    found, person = await _look(request, "start")
    if person:
        return page(request, "sign_in/enter.html", person=person)
    return _form(request, "sign_in/start.html", {"name": "", "email": ""}, roles=FIRST_ROLES)


async def start(request: web.Request) -> web.StreamResponse:
    """Make the first account, with the roles it takes, and sign in."""
    found, person = await _look(request, "start")
    if person:
        async with request.app[DATABASE].transaction() as connection:
            await _use(connection, request, found)
        return await _enter(request, person.id, "start")
    form = await fields.read(request)
    roles = {"admin", *form.texts("roles")} & set(ROLES)
    try:
        name, email = account.checked_name(form.text("name")), account.checked_email(form.text("email"))
        hashed = await password.hash(form.text("password"), name, email, request.app[SETTINGS].organisation)
        async with request.app[DATABASE].transaction() as connection:
            await _use(connection, request, found)
            id = await account.create(connection, email, name, now(request), language_of(request))
            await account.set_password(connection, id, hashed, now(request))
            await rights.set_roles(connection, id, roles, None, now(request))
            await audit.record(connection, "account_made", id, request[ADDRESS], now(request), roles=sorted(roles))
    except (Wrong, TooWeak) as wrong:
        return _form(request, "sign_in/start.html", form.all("name", "email"), wrong, roles=roles)
    return await _enter(request, id, "start")


async def show_invitation(request: web.Request) -> web.Response:
    """Somebody new chooses a password."""
    _, person = await _look(request, "invitation")
    return _form(request, "sign_in/invitation.html", {"name": person.name if person else ""}, person=person)


async def accept(request: web.Request) -> web.StreamResponse:
    """Take up the invitation and sign in."""
    found, person = await _look(request, "invitation")
    form = await fields.read(request)
    try:
        name = account.checked_name(form.text("name"))
        hashed = await password.hash(form.text("password"), name, person.email, request.app[SETTINGS].organisation)
    except (Wrong, TooWeak) as wrong:
        return _form(request, "sign_in/invitation.html", form.all("name"), wrong, person=person)
    async with request.app[DATABASE].transaction() as connection:
        await _use(connection, request, found)
        await account.set_name(connection, person.id, name)
        await account.set_password(connection, person.id, hashed, now(request))
    return await _enter(request, person.id, "invitation")


async def show_ask(request: web.Request) -> web.Response:
    """Forgot the password: a form, or whom to ask when this installation sends no mail."""
    return page(request, "sign_in/reset_ask.html", possible=letter.is_possible(request.app[SETTINGS]), sent=False)


async def ask(request: web.Request) -> web.Response:
    """The same answer for every address; the mail goes out after the answer, so that time tells nothing either."""
    form = await fields.read(request)
    email = form.text("email")
    if letter.is_possible(request.app[SETTINGS]) and await tries.ask_letter(request, email):
        later(request.app, _send_reset(request.app, email, request[ADDRESS]))
    return page(request, "sign_in/reset_ask.html", possible=True, sent=True)


async def show_reset(request: web.Request) -> web.Response:
    """A new password."""
    _, person = await _look(request, "reset")
    return _form(request, "sign_in/reset.html", {}, person=person)


async def reset(request: web.Request) -> web.StreamResponse:
    """Set it; every other session and link of this person ends."""
    found, person = await _look(request, "reset")
    form = await fields.read(request)
    try:
        hashed = await password.hash(form.text("password"), person.name, person.email,
                                     request.app[SETTINGS].organisation)
    except TooWeak as wrong:
        return _form(request, "sign_in/reset.html", {}, wrong, person=person)
    async with request.app[DATABASE].transaction() as connection:
        await _use(connection, request, found)
        await account.set_password(connection, person.id, hashed, now(request))
        await audit.record(connection, "password_set", person.id, request[ADDRESS], now(request), how="reset")
    return await _enter(request, person.id, "reset")


async def _look(request: web.Request, purpose: link.Purpose) -> tuple[Link, account.Account | None]:
    """The link and its person. Raises `HTTPGone`: whether it never was, was used or is too old is not told."""
    async with request.app[DATABASE].connection() as connection:
        found = await link.look(connection, purpose, request.match_info["token"], now(request))
        if found is None or (found.account_id is None and purpose != "start"):
            raise web.HTTPGone
        return found, await account.find(connection, found.account_id) if found.account_id else None


async def _use(connection: Connection, request: web.Request, found: Link) -> None:
    used = await link.use(connection, found.purpose, request.match_info["token"], now(request))
    if used is None:
        raise web.HTTPGone  # somebody was faster
    await audit.record(connection, "link_used", used.account_id, request[ADDRESS], now(request), purpose=used.purpose)


async def _enter(request: web.Request, account_id: int, how: str) -> web.StreamResponse:
    response = web.HTTPSeeOther("/")
    await open_session(request, response, account_id, how)
    raise response


def _form(request: web.Request, template: str, values: Mapping[str, str], wrong: Exception | None = None,
          **more) -> web.Response:
    match wrong:
        case Wrong(field=field, key=key):
            problems = {field: key}
        case TooWeak(key=key):
            problems = {"password": key}
        case _:
            problems = {}
    return page(request, template, 422 if problems else 200, values=values, problems=problems, all_roles=ROLES,
                **more)


async def _send_reset(app: web.Application, email: str, address: str) -> None:
    at = app[CLOCK]()
    async with app[DATABASE].transaction() as connection:
        person = await account.by_email(connection, email)
        if person is None or person.disabled_at is not None:
            return
        path = await link.make(connection, "reset", person.id, at)
        await audit.record(connection, "reset_asked", person.id, address, at)
    try:
        await letter.send(app[SETTINGS], "reset", person.language, person.name, person.email, path)
    except letter.NotSent as error:
        log.error("mail not sent", error=str(error))
