"""Beheer, users and roles: who works here, what they may, and what happens when they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from newsroom import account, audit, letter, link, rights, session, setting, team
from newsroom.access import ROLES
from newsroom.account import Account
from newsroom.change import By, Wrong, note
from newsroom.web import fields
from newsroom.web.keys import ACCOUNT, ADDRESS, BELL, DATABASE, SESSION, SETTINGS, log, now
from newsroom.web.profile import must_prove, prove_again
from newsroom.web.render import page, say
from newsroom.web.routes import Routes
from newsroom.web.visitor import set_cookie

LONGEST_LABEL = 40  # characters of a role's own name


def routes(add: Routes) -> None:
    one = "/beheer/gebruikers/{id:[1-9][0-9]{0,8}}"
    add.page("GET", "/beheer/gebruikers", show_all, "configure", name="admin_people")
    add.page("POST", "/beheer/gebruikers", invite, "configure")
    add.page("GET", "/beheer/gebruikers/nieuw", show_new, "configure", name="admin_people_new")
    add.page("POST", "/beheer/gebruikers/rolnamen", name_roles, "configure", name="admin_role_labels")
    add.page("GET", one, show_one, "configure", name="admin_person")
    add.page("POST", one, change, "configure")
    add.page("POST", one + "/link", send_link, "configure", name="admin_person_link")
    add.page("POST", one + "/afsluiten", disable, "configure", name="admin_person_disable")
    add.page("POST", one + "/openen", enable, "configure", name="admin_person_enable")


async def show_all(request: web.Request) -> web.Response:
    """Everybody, and what the roles are called here."""
    return await _list(request)


async def show_new(request: web.Request) -> web.Response:
    """The form of an invitation."""
    return await _form(request, "people/new.html", {"name": "", "email": ""}, roles=(), teams=())


async def invite(request: web.Request) -> web.StreamResponse:
    """Make an account and send the invitation, or show its link."""
    form = await fields.read(request)
    roles, teams = form.texts("roles"), form.numbers("teams")
    try:
        await prove_again(request, form)
        async with request.app[DATABASE].transaction() as connection:
            id = await account.create(connection, form.text("email"), form.text("name"), now(request),
                                      request[ACCOUNT].language)
            await rights.set_roles(connection, id, roles, request[ACCOUNT].id, now(request))
            await rights.set_teams(connection, id, teams, request[ACCOUNT].id, now(request))
            await _log(connection, request, "account_made", id, roles=sorted(set(roles) & set(ROLES)))
    except Wrong as wrong:
        return await _form(request, "people/new.html", form.all("name", "email"), wrong, roles=roles, teams=teams)
    request.app[BELL]()
    return await _give_link(request, id)


async def show_one(request: web.Request) -> web.Response:
    """One person: roles, teams, link, leaving."""
    person = await _person(request)
    return await _form(request, "people/one.html", {}, person=person, roles=person.roles, teams=person.teams)


async def change(request: web.Request) -> web.StreamResponse:
    """Other roles or teams. The person signs in again; who changes their own gets another session id."""
    person, form = await _person(request), await fields.read(request)
    own = request[SESSION].token_hash if person.id == request[ACCOUNT].id else None
    roles, teams, token = form.texts("roles"), form.numbers("teams"), ""
    try:
        await prove_again(request, form)
        async with request.app[DATABASE].transaction() as connection:
            at, by = now(request), request[ACCOUNT].id
            changed = await rights.set_roles(connection, person.id, roles, by, at, keep=own)
            await rights.set_teams(connection, person.id, teams, by, at)
            if changed and own:
                token = await session.renew(connection, own)
            await _log(connection, request, "account_changed", person.id, roles=sorted(set(roles) & set(ROLES)),
                       teams=teams)
    except Wrong as wrong:
        return await _form(request, "people/one.html", {}, wrong, person=person, roles=roles, teams=teams)
    response = _back(request, person, "rights")
    if token:
        set_cookie(request, response, token)
    raise response


async def send_link(request: web.Request) -> web.Response:
    """A new invitation, or a link for a new password."""
    person, form = await _person(request), await fields.read(request)
    try:
        await prove_again(request, form)
    except Wrong as wrong:
        return await _form(request, "people/one.html", {}, wrong, person=person, roles=person.roles,
                           teams=person.teams)
    return await _give_link(request, person.id)


async def disable(request: web.Request) -> web.StreamResponse:
    """Somebody leaves: open work goes back to triage."""
    person, form = await _person(request), await fields.read(request)
    try:
        await prove_again(request, form)
        if person.id == request[ACCOUNT].id:
            raise Wrong("disabled", "wrong.disable_yourself")
        async with request.app[DATABASE].transaction() as connection:
            released = await rights.leave(connection, person.id, request[ACCOUNT].id, now(request))
            await _log(connection, request, "account_changed", person.id, disabled=True, released=released)
    except Wrong as wrong:
        return await _form(request, "people/one.html", {}, wrong, person=person, roles=person.roles,
                           teams=person.teams)
    raise _back(request, person, "disabled")


async def enable(request: web.Request) -> web.StreamResponse:
    """Somebody comes back."""
    person, form = await _person(request), await fields.read(request)
    try:
        await prove_again(request, form)
    except Wrong as wrong:
        return await _form(request, "people/one.html", {}, wrong, person=person, roles=person.roles,
                           teams=person.teams)
    async with request.app[DATABASE].transaction() as connection:
        await rights.come_back(connection, person.id, request[ACCOUNT].id, now(request))
        await _log(connection, request, "account_changed", person.id, disabled=False)
    raise _back(request, person, "enabled")


async def name_roles(request: web.Request) -> web.StreamResponse:
    """What the roles are called in this municipality; empty: our own words."""
    form = await fields.read(request)
    labels = {role: form.text(role).strip()[:LONGEST_LABEL] for role in ROLES}
    new = {role: label for role, label in labels.items() if label}
    async with request.app[DATABASE].transaction() as connection:
        before = await setting.read(connection, "role_labels", {})
        await setting.write(connection, "role_labels", new)
        by = By(request[ACCOUNT].id, now(request), request[ADDRESS])
        await note(connection, by, "role_labels", None, "", before, new)
    raise web.HTTPSeeOther(str(request.app.router["admin_people"].url_for().with_query(saved="labels")))


async def _list(request: web.Request) -> web.Response:
    async with request.app[DATABASE].snapshot() as connection:
        people = await account.everyone(connection)
        teams = await team.active(connection)
        own = await setting.read(connection, "role_labels", {})
    return page(request, "people/list.html", people=people, teams=teams, labels=_labels(request, own), own_labels=own,
                saved=request.query.get("saved") == "labels", all_roles=ROLES)


async def _form(request: web.Request, template: str, values: Mapping[str, str], wrong: Wrong | None = None,
                **more: Any) -> web.Response:
    async with request.app[DATABASE].snapshot() as connection:
        teams = await team.active(connection)
        own = await setting.read(connection, "role_labels", {})
        if person := more.get("person"):
            more["open_work"] = await rights.open_work(connection, person.id)
    problems = {wrong.field: wrong.key} if wrong else {}
    saved = request.query.get("saved", "")
    return page(request, template, 422 if wrong else 200, values=values, problems=problems, all_teams=teams,
                all_roles=ROLES, labels=_labels(request, own), ask_password=must_prove(request),
                saved=saved if saved in ("rights", "disabled", "enabled") else "", **more)


def _labels(request: web.Request, own: Mapping[str, str]) -> dict[str, str]:
    return {role: own.get(role) or say(request, f"role.{role}") for role in ROLES}


async def _person(request: web.Request) -> Account:
    async with request.app[DATABASE].connection() as connection:
        person = await account.find(connection, int(request.match_info["id"]))
    if person is None:
        raise web.HTTPNotFound
    return person


async def _give_link(request: web.Request, account_id: int) -> web.Response:
    """Mail the link, or show it when this installation sends no mail or the server refused it."""
    settings = request.app[SETTINGS]
    async with request.app[DATABASE].transaction() as connection:
        person = await account.find(connection, account_id)
        purpose = "reset" if person.has_password else "invitation"
        path = await link.make(connection, purpose, account_id, now(request))
        await _log(connection, request, "link_made", account_id, purpose=purpose)
    sent = letter.is_possible(settings)
    if sent:
        try:
            await letter.send(settings, purpose, person.language, person.name, person.email, path)
        except letter.NotSent as error:
            log.error("mail not sent", error=str(error))
            sent = False
    return page(request, "people/link.html", person=person, purpose=purpose, sent=sent,
                failed=letter.is_possible(settings) and not sent, link=settings.address + path)


def _back(request: web.Request, person: Account, saved: str) -> web.HTTPSeeOther:
    """After a commit: open boards hear of it at once, and the page comes again."""
    request.app[BELL]()
    return web.HTTPSeeOther(str(request.app.router["admin_person"].url_for(id=str(person.id)).with_query(saved=saved)))


async def _log(connection, request: web.Request, kind: str, account_id: int, **data: Any) -> None:
    """Who changed whose account, from where."""
    await audit.record(connection, kind, request[ACCOUNT].id, request[ADDRESS], now(request), whose=account_id, **data)
